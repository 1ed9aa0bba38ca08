"""How features are reached: web pages, command line, worker."""
