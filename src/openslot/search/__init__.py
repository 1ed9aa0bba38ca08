"""Search over the whole network, with ratings and the next free times."""
