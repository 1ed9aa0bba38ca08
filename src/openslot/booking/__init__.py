"""Holds and appointments: one rule that nothing bypasses."""
