"""What has changed in the directory, and its version."""
