"""Virtual time: timeline, event loop, and TCP in memory."""
