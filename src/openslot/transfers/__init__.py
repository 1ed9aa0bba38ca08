"""Everything as files that belong to no engine and no version of a server, and the way back."""
