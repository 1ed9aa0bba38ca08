"""Bringing a network in from files, and the demonstration network."""
