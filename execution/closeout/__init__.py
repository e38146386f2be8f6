"""Closing what is held: the one road on which an order may take. Nothing that quotes imports it (pyproject.toml)."""
