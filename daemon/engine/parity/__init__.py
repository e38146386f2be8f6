"""Whether our books are the exchange's, and what an operator adopts when they are not."""
