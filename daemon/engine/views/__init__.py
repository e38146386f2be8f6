"""What readers are given of each part of the state: protocols with nothing that writes and nothing that acts."""
