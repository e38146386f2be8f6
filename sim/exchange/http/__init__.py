"""The simulated exchange on sockets: REST, websocket, signatures, token buckets, faults."""
