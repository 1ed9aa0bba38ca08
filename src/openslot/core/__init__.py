"""Shared foundations: database, errors, clock, ids, outbox, audit log, settings."""
