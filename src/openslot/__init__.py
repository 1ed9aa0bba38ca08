"""OpenSlot: an appointment system for health networks."""
