"""Ratings and favourites."""
