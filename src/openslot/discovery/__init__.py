"""Search over the whole network, joined with ratings and next free times."""
