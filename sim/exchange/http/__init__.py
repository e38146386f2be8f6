"""The gateway on real sockets: HTTP, websockets, and the simulator's own routes."""
