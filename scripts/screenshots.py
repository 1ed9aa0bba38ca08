"""Take the pictures of docs/guides: the demonstration network in a real browser.

    python scripts/screenshots.py              all of them
    python scripts/screenshots.py report       those with this in their name

The network is made anew in a folder of its own and served on a free port of this machine, as if
it were half past nine on a Monday, so that a picture changes only where a page did. Each picture
stands for itself: one that cannot be taken is named at the end with the reason, and the exit
code is 1.
"""

import os
import shutil
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    ViewportSize,
    sync_playwright,
)
from werkzeug.serving import WSGIRequestHandler, make_server

from openslot.app import create_app
from openslot.core import clock
from openslot.core.config import Settings
from openslot.demo.load import FILE_PASSWORD, PASSWORD, load_demo
from openslot.importers.progress import Silent
from openslot.migrations import run as migrations

PICTURES = Path(__file__).resolve().parents[1] / "docs/pictures"
SYDNEY = ZoneInfo("Australia/Sydney")
MOMENT = datetime(2026, 11, 23, 9, 32, tzinfo=SYDNEY)
MOST_BYTES = 2_000_000
"""All pictures together."""

PATIENCE = 10_000
DESKTOP = ViewportSize(width=1280, height=820)
PHONE = ViewportSize(width=390, height=760)
PEOPLE = {
    "patient": ("jack@gmail.com", FILE_PASSWORD),
    "gp": ("samuel@gmail.com", FILE_PASSWORD),
    "practitioner": ("toby@gmail.com", FILE_PASSWORD),
    "staff": ("staff@demo.example", PASSWORD),
    "reception": ("desk@demo.example", PASSWORD),
    "centre": ("centre@demo.example", PASSWORD),
    "network": ("admin@demo.example", PASSWORD),
}


def follow(*selectors: str) -> Callable[[Page], None]:
    """Press the first of each of the selectors in turn."""

    def pressed(page: Page) -> None:
        for selector in selectors:
            page.locator(selector).first.click()
            page.wait_for_load_state()

    return pressed


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: who looks at which path, and what they press there first."""

    name: str
    who: str | None
    path: str
    then: Callable[[Page], None] | None = None
    phone: bool = False


SHOTS = (
    Shot("patient-search", None, "/search?q=physio"),
    Shot("patient-search-phone", None, "/search?q=physio", phone=True),
    Shot("patient-book", "patient", "/search?q=physio", follow("main .os-slots :is(a, button)")),
    Shot("patient-dashboard", "patient", "/dashboard"),
    Shot("patient-history", "patient", "/history"),
    Shot("patient-readers", "patient", "/history/reads"),
    Shot("patient-referrals", "patient", "/referrals"),
    Shot("patient-dependents", "patient", "/profile/dependents"),
    Shot("patient-waiting", "patient", "/waiting"),
    Shot("patient-notifications", "patient", "/profile/notifications"),
    Shot("practitioner-dashboard", "practitioner", "/dashboard"),
    Shot("practitioner-calendar", "practitioner", "/calendar"),
    Shot("practitioner-absence", "practitioner", "/calendar/absences"),
    Shot(
        "practitioner-history",
        "practitioner",
        "/dashboard",
        follow("main a[href*='/appointments/']", "main a[href*='/patients/']"),
    ),
    Shot("practitioner-hours", "practitioner", "/calendar/hours"),
    Shot("practitioner-referrals", "gp", "/referrals"),
    Shot("practitioner-figures-phone", "practitioner", "/reports?weeks=12", phone=True),
    Shot("reception-board", "reception", "/desk"),
    Shot("reception-screen", "reception", "/desk/screen"),
    Shot("staff-dashboard", "staff", "/dashboard"),
    Shot("staff-requests", "staff", "/requests"),
    Shot("staff-departments", "staff", "/departments"),
    Shot("administrator-dashboard", "network", "/dashboard"),
    Shot(
        "administrator-centre",
        "centre",
        "/admin/centres",
        follow("main a[href*='/admin/centres/']"),
    ),
    Shot("administrator-accounts", "network", "/admin/accounts"),
    Shot("administrator-audit", "network", "/admin/audit"),
    Shot("administrator-reports", "network", "/reports?weeks=12"),
    Shot("administrator-import", "network", "/admin/import"),
)


def main() -> int:
    """Take the pictures that are asked for; 0 when all of them are there."""
    wanted = [
        shot for shot in SHOTS if not sys.argv[1:] or any(a in shot.name for a in sys.argv[1:])
    ]
    PICTURES.mkdir(exist_ok=True)
    faults: list[str] = []
    with served() as address, browser() as chromium:
        contexts: dict[tuple[str | None, bool], BrowserContext] = {}
        for shot in wanted:
            try:
                key = (shot.who, shot.phone)
                if key not in contexts:
                    contexts[key] = _signed_in(chromium, address, *key)
                size = _take(contexts[key], address, shot)
                print(f"{shot.name}: {size // 1000} kB")
            except (Error, LookupError) as error:
                faults.append(f"{shot.name} ({shot.path}): {str(error).splitlines()[0]}")
    total = sum(file.stat().st_size for file in PICTURES.glob("*.png"))
    print(f"All pictures: {total // 1000} kB")
    if total > MOST_BYTES:
        faults.append(f"The pictures are larger than {MOST_BYTES // 1000} kB together.")
    for fault in faults:
        print(f"Not taken: {fault}", file=sys.stderr)
    return 1 if faults else 0


@contextmanager
def served() -> Iterator[str]:
    """The demonstration network at its address, on the fixed date."""
    began = time.monotonic()
    clock.now = lambda: MOMENT + timedelta(seconds=time.monotonic() - began)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            data_dir=Path(folder),
            rate_limits=False,
            password_iterations=1,
            log_level="error",
        )
        app = create_app(settings)
        database = app.extensions["openslot"].database
        migrations.upgrade(database.engine)
        load_demo(database, settings, now=MOMENT, progress=Silent())
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            database.close()


class _Silent(WSGIRequestHandler):
    def log(self, *_: object, **__: object) -> None:
        """Nothing: what failed is told at the end."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium, the system's own where there is one."""
    unsandboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=unsandboxed
        )
        yield chromium
        chromium.close()


def _signed_in(chromium: Browser, address: str, who: str | None, phone: bool) -> BrowserContext:
    context = chromium.new_context(
        viewport=PHONE if phone else DESKTOP,
        locale="en-AU",
        timezone_id=SYDNEY.key,
        color_scheme="light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    context.clock.set_fixed_time(MOMENT)
    if who:
        page = context.new_page()
        page.goto(f"{address}/login")
        email, password = PEOPLE[who]
        page.fill("#email", email)
        page.fill("#password", password)
        page.press("#password", "Enter")
        page.wait_for_selector(".os-out")
        page.close()
    return context


def _take(context: BrowserContext, address: str, shot: Shot) -> int:
    page = context.new_page()
    try:
        answer = page.goto(f"{address}{shot.path}")
        if answer is None or not answer.ok:
            raise LookupError(f"the page answers {answer.status if answer else 'nothing'}")
        if shot.then:
            shot.then(page)
        file = PICTURES / f"{shot.name}.png"
        file.write_bytes(indexed(page.screenshot()))
        return file.stat().st_size
    finally:
        page.close()


# Smaller files: pages have few colours, so a palette of 256 is enough


def indexed(png: bytes) -> bytes:
    """The same picture with a palette, where that is smaller; Chromium writes 8-bit RGB."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    if (depth, kind) != (8, 2):
        return png
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    pixels = b"".join(_rows(data, width * 3, height))
    colours = [pixels[at : at + 3] for at in range(0, len(pixels), 3)]
    palette, number = _palette(Counter(colours))
    indexes = bytes(number[colour] for colour in colours)
    lines = b"".join(b"\0" + indexes[at : at + width] for at in range(0, len(indexes), width))
    small = b"".join(
        (
            png[:8],
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(palette)),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        )
    )
    return min(png, small, key=len)


def _palette(counts: Counter[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
    """At most 256 colours, and the number of the one that stands for each colour.

    Ever fewer bits are looked at until the colours that look the same are few enough; the
    most frequent of them stands for all.
    """
    for bits in range(8, 0, -1):
        keep = bytes(one & (0xFF << 8 - bits) & 0xFF for one in range(256))
        palette: dict[bytes, bytes] = {}
        for colour, _ in counts.most_common():
            palette.setdefault(colour.translate(keep), colour)
        if len(palette) <= 256:
            break
    order = {key: number for number, key in enumerate(palette)}
    return [*palette.values()], {colour: order[colour.translate(keep)] for colour in counts}


def _rows(data: bytes, stride: int, height: int) -> Iterator[bytes]:
    """The lines of a picture without their filters (PNG specification, chapter 9)."""
    before = bytes(stride)
    for start in range(0, (stride + 1) * height, stride + 1):
        line = bytearray(data[start + 1 : start + 1 + stride])
        _unfilter(data[start], line, before)
        before = bytes(line)
        yield before


def _unfilter(kind: int, line: bytearray, above: bytes) -> None:
    for at, value in enumerate(line) if kind else ():
        left = line[at - 3] if at >= 3 else 0
        guess = (
            (0, left, above[at], (left + above[at]) // 2)[kind]
            if kind < 4
            else _paeth(left, above[at], above[at - 3] if at >= 3 else 0)
        )
        line[at] = (value + guess) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    near = left + up - corner
    return min((left, up, corner), key=lambda one: abs(near - one))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


if __name__ == "__main__":
    sys.exit(main())
