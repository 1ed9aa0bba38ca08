"""Times offered to patients: off the waiting list, or in the place of a visit that cannot be."""
