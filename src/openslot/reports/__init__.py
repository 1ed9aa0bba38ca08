"""Figures for people who run the network."""
