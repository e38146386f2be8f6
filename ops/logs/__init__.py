"""Log lines, on the console and in files, with their secrets masked."""
