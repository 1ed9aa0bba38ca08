"""Sessions: visits of several patients together, each of whom has one of its places."""
