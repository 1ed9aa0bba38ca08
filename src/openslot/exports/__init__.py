"""Export of health records as files."""
