"""Index values that are not believed at once."""
