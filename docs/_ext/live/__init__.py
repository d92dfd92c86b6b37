"""The engine of the executable site: read notebooks, execute them, show them.

Each module is usable without the next: :mod:`live.notebook` reads and selects, :mod:`live.execute` finds
what is stale, executes and stores it, :mod:`live.sphinx` shows it. The engine knows nothing of what the
notebooks teach.
"""
