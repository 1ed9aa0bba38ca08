"""Mail to people, with calendar entries; calendars to subscribe to; mail preferences."""
