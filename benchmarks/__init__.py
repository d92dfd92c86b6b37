"""What this project measures, each in a module that ``python -m`` runs: see :mod:`benchmarks.builds`.

Speed is measured here and shown on the site. No test asserts it.
"""
