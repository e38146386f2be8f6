"""The way into the simulated exchange, without sockets: sessions, signatures, token buckets, operations, faults."""
