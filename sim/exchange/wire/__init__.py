"""The simulated exchange's forms: what it reads and what it answers, field for field."""
