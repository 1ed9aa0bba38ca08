"""Appointments and holds: one set of rules for every entry point."""
