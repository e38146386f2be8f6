"""What a rung is worth, what it costs, whether it is worth quoting, and how much of it."""
