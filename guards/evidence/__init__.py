"""Permission that needs evidence."""
