"""How a window ends: its result, and what the exchange settles."""
