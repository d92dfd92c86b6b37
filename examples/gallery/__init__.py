"""A small gallery of photos and documents, the Django application that every notebook uses."""
