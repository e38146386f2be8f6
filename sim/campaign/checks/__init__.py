"""What must be true of a simulated day, judged from outside."""
