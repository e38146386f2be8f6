"""The Unix daemon: the pure engine, the thin shell around it, the wiring and the command line."""
