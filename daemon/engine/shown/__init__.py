"""What the screens show of the state, part by part."""
