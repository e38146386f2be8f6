"""Both ends of each way out of the simulated daemon."""
