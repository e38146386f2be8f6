"""Trading days under virtual time with the sockets left in."""
