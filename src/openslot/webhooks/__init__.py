"""Telling other programs what happened, as Standard Webhooks does."""
