"""Import of data from other systems, export of health records, and the demonstration network."""
