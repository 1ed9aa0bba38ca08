"""Each change of the schema, in order. Written by scripts/new_migration.py, then read by us."""
