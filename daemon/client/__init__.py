"""How a command asks the exchange, or the running daemon, one thing at a time."""
