"""Whether the model of our own prices is still believed, by what it led to."""
