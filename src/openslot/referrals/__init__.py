"""Referrals: letters that let patients see specialists."""
