"""Centres, departments, services, practitioners and patients, and search over their names."""
