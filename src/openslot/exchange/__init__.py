"""Import, export and the demonstration network."""
