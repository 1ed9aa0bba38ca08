"""The JSON API, and the doctor-schedule service."""
