"""What the industry asks of automated trading, and what of it is shown here by a proven step."""
