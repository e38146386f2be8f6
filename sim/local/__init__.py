"""Real processes on this machine: the simulators and the unchanged daemon, started and ended in one place."""
