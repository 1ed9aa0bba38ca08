"""Accounts, roles, sign-in, sessions, and the keys and tokens of programs."""
