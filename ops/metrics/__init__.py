"""Metrics: names, families, and their rendering."""
