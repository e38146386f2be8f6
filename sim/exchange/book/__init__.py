"""The simulated exchange's books: instruments, orders at rest, matching, the life of a market."""
