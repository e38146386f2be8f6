"""A Massive-compatible index feed: the websocket protocol, the REST reads and the faults, on real loopback sockets.

`wire` texts and grammar, `tape` which value when, `session` one connection's protocol, `quota` who is evicted,
`faults` what goes wrong, `rest` the answers to reads (all pure); `server` the sockets; `program` the command line.
"""
