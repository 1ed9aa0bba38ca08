"""Referrals, with which patients can see specialists."""
