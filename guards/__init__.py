"""What may close the gate: windows, freshness, divergence, kill switch, risk, and the gate itself."""
