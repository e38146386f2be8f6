"""`ladderd close-all`: a program of its own beside cancel-all; keys and REST, no engine."""
