"""When something can be booked: opening hours, closures, absences, diaries."""
