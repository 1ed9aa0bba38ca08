"""Backups: one file with the database and what belongs to it, and the way back."""
