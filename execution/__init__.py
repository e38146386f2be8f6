"""Orders: what we would rest, what may be live, and the road to the exchange."""
