"""Histories: notes, prescriptions, and who may read them."""
