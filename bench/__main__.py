"""Run every measurement and print one table: ``make bench``."""

import platform

from bench import pages, reporting, searching


def main() -> None:
    """Print the machine, then each figure with its spread."""
    print(f"{platform.platform()}, Python {platform.python_version()}")
    for figure in (*searching.figures(), *reporting.figures(), *pages.figures()):
        print(figure)


if __name__ == "__main__":
    main()
