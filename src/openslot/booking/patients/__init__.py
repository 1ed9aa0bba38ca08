"""What patients have booked already, as far as it decides what they can book."""
