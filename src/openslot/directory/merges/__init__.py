"""Merges of patients, and the rows that they have in all tables."""
