"""The simulated exchange: a pure synchronous matching core, and a REST and websocket server around it."""
