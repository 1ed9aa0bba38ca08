"""The openslot command."""
