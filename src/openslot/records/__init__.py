"""Health records: notes, prescriptions, and the rules of who may read them."""
