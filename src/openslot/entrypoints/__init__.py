"""Entry points: web pages, JSON API, FHIR, command line and worker."""
