"""The command line and what its small commands show."""
