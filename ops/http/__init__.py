"""The daemon's HTTP face: pages, streams, the guard in front of them."""
