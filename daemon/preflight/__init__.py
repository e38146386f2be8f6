"""Everything that looks before anybody trades: checks, order drills, the probe, what is listed."""
