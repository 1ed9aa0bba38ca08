"""``python -m openslot``: the command line of a checkout that is not installed."""

from openslot.entrypoints.cli.main import cli

if __name__ == "__main__":
    cli(prog_name="openslot")
