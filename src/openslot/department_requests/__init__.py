"""Requests between the departments of a hospital."""
