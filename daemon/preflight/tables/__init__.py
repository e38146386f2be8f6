"""Tables of findings over evidence that lies in files: manifest, readiness, promotion, captures."""
