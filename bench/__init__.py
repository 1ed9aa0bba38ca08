"""Measurements that are printed, never asserted: python -m bench."""
