"""The server: its web processes and the worker.

Entry points never import each other, so the web application and the worker are loaded by name.
"""

import asyncio
import errno
import os
import pkgutil
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from logging import ERROR, getLogger
from typing import NoReturn

import click
import uvicorn

from openslot.core import facts, language, logging, metrics, tracing
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.cli.attending import STOPS_WITHIN, Attendant, attend, when_parent_ends
from openslot.entrypoints.connections import Connection
from openslot.entrypoints.loaded import Loaded

APPLICATION = "openslot.app:load"
WORKER = "openslot.entrypoints.worker.main:run"
WORKER_OF_TENANTS = "openslot.entrypoints.worker.tenants:run"

THREADS = 16
"""Requests that a process handles at a time; each may need one of its 20 connections. More than its
share of the processors could work on, as those that wait to be written are written together."""

KEPT_OPEN = 75
"""Seconds that a connection stays open without a request; proxies keep theirs for 60."""

FINISHES_WITHIN = STOPS_WITHIN - 3
"""Seconds that running requests have to finish before their process is ended."""

FREED_WITHIN = STOPS_WITHIN + 1
"""Seconds for which the processes of a server that was just killed may still hold its port."""

SWITCHES_AFTER = 0.002
"""Seconds after which a busy thread yields to the event loop: less than Python's default, as the
loop serves hundreds of connections, but each thread that waits to go on looks as often."""

OTHER_KEY = (
    "This machine's secret key is not the one that this database was last used with: links and "
    "sign-ins of one machine fail on another. Set the same OPENSLOT_SECRET_KEY everywhere. If you "
    "have changed the key, list the old one in OPENSLOT_SECRET_KEY_FALLBACKS, or run: openslot "
    "check --repair"
)

MOST_FILES = 65_536
"""Limit of open files that a process requests; each connection is one."""


def claim_address(host: str, port: int) -> socket.socket:
    """Reserve the address for the web processes, until the returned socket is closed.

    Waits for the processes of a server that was just killed. Raises ClickException if nothing can
    listen on the address.
    """
    gives_up: float | None = None
    while True:
        try:
            return _bound_only(_listener(host, port))
        except PermissionError:
            sentence = f"Port {port} needs root. Choose a port above 1023 with --port."
            raise click.ClickException(sentence) from None
        except socket.gaierror:
            raise click.ClickException(
                f"The host {host} does not exist. Choose another one with --host."
            ) from None
        except OSError as error:
            has_waited = gives_up is not None and time.monotonic() > gives_up
            if error.errno != errno.EADDRINUSE or has_waited:
                sentence = f"Cannot listen on {host}, port {port}: {error.strerror}."
                raise click.ClickException(
                    f"{sentence} Choose another one with --port or --host."
                ) from None
            if gives_up is None:
                gives_up = time.monotonic() + FREED_WITHIN
                waits = f"Waiting up to {FREED_WITHIN:g} seconds for it. Press Ctrl-C to stop."
                click.echo(f"Port {port} is in use. {waits}", err=True)
        time.sleep(0.1)


def _listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a listening socket; several ``shared`` ones of one user may use the same port."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _bound_only(listener: socket.socket) -> socket.socket:
    """Stop listening but keep the port: only this user's processes, which share it, can bind it."""
    listener.shutdown(socket.SHUT_RD)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return listener


def address_of(host: str, port: int) -> str:
    """Return the address to open in a browser."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposed(host: str, served: Iterable[Settings], *, insecure: bool) -> None:
    """Raise ClickException before data is served to others without HTTPS."""
    exposed = [settings.tenant for settings in served if not settings.is_https]
    if insecure or is_loopback(host) or not exposed:
        return
    of = f" of {', '.join(exposed)}" if any(exposed) else ""
    raise click.ClickException(
        f"With --host {host}, others could reach this server, and passwords would cross the "
        f"network in clear. Set OPENSLOT_PUBLIC_URL{of} to the https:// address of your proxy, or "
        "add --insecure."
    )


def warn_of_another_key(database: Database, settings: Settings) -> None:
    """Say so if other machines of this deployment sign with another secret key."""
    if not database.run(lambda session: facts.is_our_key(session, settings)):
        click.echo(OTHER_KEY, err=True)


def serve(claimed: socket.socket, host: str, port: int, *, workers: int, beside: bool) -> NoReturn:
    """Run the web processes until SIGTERM or SIGINT; with ``beside``, run the worker too.

    This program is replaced by one that holds only what they need: see :func:`keep_serving`.
    """
    settings = Settings()
    if not (settings.public_url or settings.tenants) and is_loopback(host):
        # Links in mails need an address, and only this machine's own is certain.
        os.environ["OPENSLOT_PUBLIC_URL"] = address_of(host, port).rstrip("/")
    # Each thread would have memory of its own for what it gives back: 15 MB of a web process.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    metrics.share(is_read=settings.measures)
    claimed.set_inheritable(True)  # the port stays ours
    click.echo(f"Serving {address_of(host, port)}  Press Ctrl-C to stop.")
    sys.stdout.flush()
    words = [host, str(port), str(workers), str(int(beside))]
    os.execv(  # noqa: S606 # nosec B606 - our own program
        sys.executable, [sys.executable, "-m", "openslot.entrypoints.cli.serving", *words]
    )


def keep_serving(host: str, port: int, *, workers: int, beside: bool) -> None:
    """Load the program, and keep the processes running that do the work."""
    tracing.load()
    language.load()
    attendants = []
    if beside:
        for name in (WORKER, WORKER_OF_TENANTS):
            pkgutil.resolve_name(name)
        attendants.append(Attendant("worker", _work_beside))
    # What is there by now is shared with the processes, until one of them writes to it.
    loaded = pkgutil.resolve_name(APPLICATION)(threads=THREADS)
    web = partial(answer, loaded, host, port)
    attendants += [
        Attendant("web process", web, pause=0.1, longest=3.0, tries=3) for _ in range(workers)
    ]
    try:
        attend(attendants)
    finally:
        metrics.forget_all()


def _work_beside() -> None:
    tracing.begin()
    work(Settings(), once=False, beside=True)


class _Server(uvicorn.Server):
    """A server that also answers connections that it had not accepted when it was stopped."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept what waits in the queue of the listening sockets, which closing would reset."""
        accepted = [one for listener in sockets or [] for one in _accepted(listener)]
        for server in self.servers:
            server.close()
        for one in accepted:
            await asyncio.get_running_loop().connect_accepted_socket(self._connection, one)
        await super().shutdown(sockets)
        tracing.end()  # here, as the signal that stops the server ends the process right after

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    with suppress(BlockingIOError):
        while True:
            yield listener.accept()[0]


def answer(loaded: Loaded, host: str, port: int) -> None:
    """Serve requests in this process, until SIGTERM or until its parent ends."""
    tracing.begin()
    _allow_many_connections()
    sys.setswitchinterval(SWITCHES_AFTER)
    getLogger("asyncio").setLevel(ERROR)  # it warns about every client that disconnects
    server = _Server(
        uvicorn.Config(
            loaded.application,
            http=Connection,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,  # the application knows which proxies to trust
            server_header=False,
            timeout_keep_alive=KEPT_OPEN,
            timeout_graceful_shutdown=FINISHES_WITHIN,
        )
    )

    def end() -> None:
        server.should_exit = True
        time.sleep(STOPS_WITHIN)
        os._exit(1)

    when_parent_ends(end)
    if loaded.read_ahead:
        threading.Thread(target=loaded.read_ahead, daemon=True).start()
    server.config.load()
    metrics.PROCESSES.labels("web").inc()
    server.run([_listener(host, port, shared=True)])
    os._exit(0)  # without waiting for threads that may wait for a database


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def work(settings: Settings, *, once: bool, beside: bool = False) -> None:
    """Run the worker, of all networks if there are several, until SIGTERM or SIGINT; ``beside`` a
    server, also until that ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if beside:
        when_parent_ends(stop.set)
    logging.configure(settings)
    metrics.PROCESSES.labels("worker").inc()
    run: Callable[..., None]
    if settings.tenants:
        run = pkgutil.resolve_name(WORKER_OF_TENANTS)
        run(settings, once=once, stop=stop)
    else:
        run = pkgutil.resolve_name(WORKER)
        run(Database(settings.url, settings.encryption_keys), settings, once=once, stop=stop)
    tracing.end()


if __name__ == "__main__":
    _host, _port, _workers, _beside = sys.argv[1:]
    try:
        keep_serving(_host, int(_port), workers=int(_workers), beside=_beside == "1")
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
