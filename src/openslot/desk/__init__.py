"""The front desk of a centre: its day, who waits, and checking in."""
