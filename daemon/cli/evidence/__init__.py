"""The commands over evidence."""
