"""What people and monitors see: HTTP, page, metrics, alerts, terminal. Reads frozen pictures only."""
