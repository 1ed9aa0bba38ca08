"""What departments of a hospital ask of each other."""
