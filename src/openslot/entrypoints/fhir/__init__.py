"""HL7 FHIR R4 (4.0.1) under /fhir: resources, searches and operations on appointments."""
