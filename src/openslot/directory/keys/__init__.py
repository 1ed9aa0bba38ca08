"""The keys of programs, as each of their requests asks for them."""
