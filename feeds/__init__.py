"""Market data: sessions, failover and books, from bytes to events."""
