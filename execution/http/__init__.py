"""One strict HTTP/1.1 client, which never sends a request twice."""
