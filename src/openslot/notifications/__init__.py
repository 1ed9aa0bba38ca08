"""What people are told: messages, calendar attachments, e-mail."""
