"""Schedules: opening hours, closures, absences, and the diaries of taken time."""
