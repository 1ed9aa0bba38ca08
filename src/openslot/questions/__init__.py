"""Questions that services ask before the appointment, and their answers."""
