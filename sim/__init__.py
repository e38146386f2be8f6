"""Virtual time, faults, the simulated exchange and index feed. Imports everything; nothing imports it."""
