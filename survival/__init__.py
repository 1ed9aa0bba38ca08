"""What is lost when machines die: ``make survive``."""
