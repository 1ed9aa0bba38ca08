"""Takes messages from the outbox and hands them to their handlers."""
