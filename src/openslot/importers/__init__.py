"""Import of data from other systems."""
