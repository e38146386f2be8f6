"""Drills: what proves, by doing it, that a control works."""
