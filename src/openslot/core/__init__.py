"""What every feature stands on: database, errors, clock, ids, outbox, audit, settings."""
