"""The data folder and its files are for their owner only."""

import stat
from collections.abc import Iterator
from pathlib import Path

from openslot.core.config import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SUFFIXES = ("", "-wal", "-shm", "-journal")


def open_files(settings: Settings) -> list[str]:
    """Return a sentence for each of our files that others can open."""
    return [
        f"Other users of this machine can open {path}. Run: chmod go= {path}"
        for path in our_files(settings)
        if path.exists() and path.stat().st_mode & _OTHERS
    ]


def close_files(settings: Settings) -> None:
    """Make the data folder, and take from others what they may do with it and with our files."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in our_files(settings):
        if path.exists():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)


def our_files(settings: Settings) -> Iterator[Path]:
    """Yield the data folder and our files in it; folders of the user's own hold other things."""
    yield settings.data_dir
    if settings.tenant and settings.tenants:
        yield settings.tenants / f"{settings.tenant}.env"
    yield settings.key_file
    yield settings.stored_data_keys
    if not settings.database_url:
        yield from (settings.data_dir / f"openslot.sqlite3{suffix}" for suffix in _SUFFIXES)
