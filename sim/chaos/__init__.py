"""Faults on real processes."""
