"""The worker, which processes the messages of the outbox."""
