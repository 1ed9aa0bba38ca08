"""Times offered to patients: off the waiting list, or in the place of an appointment that cannot
be."""
