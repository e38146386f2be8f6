"""What is held is worth, and what the open books may lose: marks and outcomes for the limits, and who acts on them."""
