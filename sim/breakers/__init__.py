"""How often the breakers err: settled windows drawn from worlds whose truth is known."""
