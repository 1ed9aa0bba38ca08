"""What needs several features: each verb once, whichever entry point asks."""
