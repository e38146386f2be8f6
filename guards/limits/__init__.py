"""The limits on money at risk: what each measures, and what follows when it is reached."""
