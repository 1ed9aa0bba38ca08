"""Webhooks: events sent to other programs, as Standard Webhooks defines it."""
