"""What the market and the exchange allow besides the index: the volatility level."""
