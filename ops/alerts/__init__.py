"""Which alerts are raised, and how they reach somebody."""
