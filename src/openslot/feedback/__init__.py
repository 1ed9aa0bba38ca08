"""Ratings and their averages."""
