"""Rooms and equipment of centres, their groups, and what services need of them."""
