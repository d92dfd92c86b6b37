"""The Django configuration that the guide teaches, fit to be copied into a project of your own."""
