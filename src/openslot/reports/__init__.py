"""Figures on appointments, use of opening hours and waiting times."""
