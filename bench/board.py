"""Presses on the board of a front desk with 40 practitioners and 800 appointments, in Chromium:
from the press to the frame that shows what has changed. On SQLite, served by `openslot serve`.

    PYTHONPATH=tests python -m bench.board
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

import engines
import factories
from bench.network import SHORT, fill_day, found
from bench.servers import folder, free_port, serving
from engines import DATA_KEY, DATA_KEYS
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Centre
from openslot.identity.passwords import hash_password
from openslot.migrations import run as migrations
from openslot.schedules.models import OpeningHours, Schedule

PRACTITIONERS, PATIENTS, ROUNDS = 40, 900, 20
OPENS, CLOSES = 7 * 60, 17 * 60
DESK, PASSWORD = "desk@bench.example", "kettle orbit plum"

TIMED = """async ([selector, act, seen]) => {
  const element = document.querySelector(selector);
  const [press, shows] = [act, `return ${seen}`].map(body => new Function("element", body));
  const began = performance.now();
  press(element);
  while (!shows(element)) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


def figures() -> Iterator[str]:
    """Each kind of press as a line, and how busy the machine was."""
    with folder() as where, sync_playwright() as playwright:
        url = f"sqlite:///{where / 'board.sqlite3'}"
        _write(url)
        port = free_port()
        environment = {
            "OPENSLOT_DATABASE_URL": url,
            "OPENSLOT_DATA_KEYS": DATA_KEY,
            "OPENSLOT_DATA_DIR": str(where),
            "OPENSLOT_LOG_LEVEL": "error",
        }
        browser = playwright.chromium.launch(
            executable_path=engines.program("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        with serving(["-m", "openslot", "serve", "--port", str(port)], environment, port):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            _sign_in(page, f"http://127.0.0.1:{port}")
            for name, presses in _presses(Timer(page)):
                took, own = zip(*presses, strict=True)
                yield (
                    f"{name}: median {median(took):.0f} ms, p95 {quantiles(took, n=20)[-1]:.0f} ms "
                    f"of {len(took)}; {median(own):.0f} ms of the browser's processor"
                )
        browser.close()
    yield f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def _write(url: str) -> None:
    """A centre whose clock says about half past ten, with its day half full."""
    settings = Settings(_env_file=None, database_url=url, data_keys=DATA_KEY, password_iterations=1)
    database = Database(url, DATA_KEYS)
    migrations.upgrade(database.engine)
    network = found(database, settings, centres=1, practitioners=PRACTITIONERS, patients=PATIENTS)
    now = datetime.now(UTC)
    west = (now.hour + 2) % 24 - 12  # hours, at most 12, since there are no zones further west
    zone = ZoneInfo(f"Etc/GMT{west:+}")
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    every_day = [
        {"schedule_id": one, "weekday": weekday, "starts": OPENS, "ends": CLOSES}
        for one in range(1, PRACTITIONERS + 1)
        for weekday in range(7)
    ]

    def open_daily(session: Session) -> None:
        session.execute(update(Centre).values(time_zone=zone.key))
        session.execute(update(Schedule).values(slot_minutes=SHORT))
        session.execute(delete(OpeningHours))
        session.execute(insert(OpeningHours), every_day)
        hashed = hash_password(PASSWORD, time_cost=1)
        factories.staff(session, 1, email=DESK, password_hash=hashed, now=now)

    database.run(open_daily)
    fill_day(
        database,
        network,
        [midnight + timedelta(minutes=minute) for minute in range(OPENS, CLOSES, SHORT)],
    )
    database.close()


def _sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.fill("#email", DESK)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector(".os-board")


class Timer:
    """Presses something, and waits for the frame that shows what has changed."""

    def __init__(self, page: Page):
        self.page = page
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def __call__(self, selector: str, act: str, seen: str) -> tuple[float, float]:
        """Return the milliseconds that passed, and those that the page itself worked."""
        before = self._worked()
        took = float(
            self.page.evaluate(TIMED, [selector, act, f"document.querySelector('{seen}')"])
        )
        return took, self._worked() - before

    def _worked(self) -> float:
        found = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(one["value"] for one in found if one["name"] == "TaskDuration"))


def _presses(timed: Timer) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Each kind of press with what it took."""
    page, arrived, undone = timed.page, [], []
    for _ in range(ROUNDS):
        one = page.locator(".ev button[name=arrived]").first.get_attribute("value")
        button, undo = f'.ev button[name=arrived][value="{one}"]', f'.os-undo button[value="{one}"]'
        arrived.append(timed(button, PRESS, undo))
        undone.append(timed(undo, PRESS, button))
    yield "Arrived", arrived
    yield "Undo", undone
    opened, found = [], []
    for number in range(ROUNDS):
        opened.append(
            timed(f".col:nth-of-type({number + 2}) .gap a", PRESS, "dialog[open] #desk-q")
        )
        found.append(timed("#desk-q", TYPE.format(LETTERS[number % 5]), "#desk-found li"))
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="detached")
    yield "dialog of a free time", opened
    yield "matches of what is typed", found


PRESS = "element.click()"
TYPE = "element.value = '{}'; element.dispatchEvent(new Event('input', {{bubbles: true}}))"
LETTERS = ("nguy", "smi", "pat", "gar", "kay")

if __name__ == "__main__":
    for line in figures():
        print(line)
