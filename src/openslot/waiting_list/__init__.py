"""The waiting list, and appointments offered a new time after an absence."""
