"""The pure heart: what is known, what is wanted, what leaves. No clock, no file, no socket."""
