"""Trading days under virtual time with the ports cut: the command, the worlds, the faults."""
