"""Incidents: who owns which, what to do, and the page that says so."""
