"""The demonstration network: invented data, and what loads it."""
