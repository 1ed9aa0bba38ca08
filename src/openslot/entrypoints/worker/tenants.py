"""The worker of several networks (tenants): each has threads of its own, so none waits for another.

A network that is busy, broken, or whose database is away, delays nobody else. What changes in the
folder is noticed within seconds.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from openslot.core import tenancy
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Failure
from openslot.core.logging import reason_of
from openslot.core.tenants import Folder
from openslot.entrypoints.worker import main
from openslot.migrations.readiness import check_ready

KEPT = 2
"""Connections that are kept for each network while nothing is to be done."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class SomeFailed(Failure):
    """Not all work was done for: {names}. The log says why."""


@dataclass
class Desk:
    """The work for one network, in a thread that ends once ``stop`` is set."""

    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, name=self.settings.tenant, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        tenancy.stay_with(self.settings.tenant)
        pause = main.IDLE
        while not self.stop.is_set():
            try:
                work_for(self.settings, stop=self.stop)
            except Exception as error:
                pause = min(pause * 2, main.LONGEST_PAUSE)
                log.error("worker.waits", error=reason_of(error), seconds=pause)
                self.stop.wait(pause)


def run(installation: Settings, *, once: bool = False, stop: threading.Event) -> None:
    """Work for all networks until ``stop`` is set; with ``once``, until nothing is due for any.

    Raises SomeFailed if something went wrong for one of them; with ``once`` only.
    """
    folder = Folder(installation)
    if once:
        _run_once(folder, stop)
        return
    desks = dict[str, Desk]()
    while not stop.is_set():
        _look_after(desks, folder.tenants().settings)
        stop.wait(main.IDLE)
    _look_after(desks, {})
    for desk in desks.values():
        desk.thread.join()


def work_for(settings: Settings, *, once: bool = False, stop: threading.Event) -> None:
    """Work for one network, once its database can be used. Raises what is in the way."""
    database = Database(settings.url, settings.encryption_keys, kept=KEPT)
    try:
        check_ready(database, settings)
        main.run(database, settings, once=once, stop=stop)
    finally:
        database.close()


def _look_after(desks: dict[str, Desk], wanted: Mapping[str, Settings]) -> None:
    """Begin work for those who have come, and end it for those who have gone or changed: these
    begin anew once their thread has ended."""
    for name, desk in list(desks.items()):
        if wanted.get(name) is not desk.settings:
            desk.stop.set()
            if not desk.thread.is_alive():
                del desks[name]
    for name, settings in wanted.items():
        if name not in desks:
            desks[name] = Desk(settings)


def _run_once(folder: Folder, stop: threading.Event) -> None:
    tenants, failed = folder.tenants(), list[str]()
    for name, settings in tenants.settings.items():
        with tenancy.working_for(name):
            try:
                work_for(settings, once=True, stop=stop)
            except Exception as error:
                log.error("worker.failed", error=reason_of(error))
                failed.append(name)
    if failed := sorted([*failed, *tenants.faults]):
        raise SomeFailed(names=", ".join(failed))
