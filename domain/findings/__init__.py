"""Findings: what was looked at before trading, and what was found."""
