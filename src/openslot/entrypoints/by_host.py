"""Serves several networks (tenants) by host name, each by an app and a database of its own.

What is shared is the program: cookies, tokens, keys, limits and caches hang on the app or on the
database, so nothing of one network is worth anything at another.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.wrappers import Request, Response

from openslot.core import metrics, tenancy
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Busy
from openslot.core.locks import lock
from openslot.core.logging import reason_of
from openslot.core.tenants import Folder, Tenants, host_named
from openslot.entrypoints import measuring, shields
from openslot.entrypoints.failures import Problem, as_json
from openslot.migrations.readiness import check_ready

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Make = Callable[[Settings, Database], WSGIApplication]

MOST_IDLE = 20
"""Connections that a process keeps for later, of all networks: as many as of a single one."""

AGAIN_AFTER = 2.0
"""Seconds until a network that could not be served is tried again."""

UNKNOWN = Problem(
    421, "unknown-host", "No health network is served under this name. Check the address."
)
NOT_SERVED = Problem(
    503, "not-served", "This health network cannot be reached just now. Try again in a minute."
)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class NotServed(Exception):
    """A network that cannot be served now; the log says why."""


class Network:
    """One network as this process serves it: its database and its app are made at first use."""

    def __init__(self, settings: Settings, make: "Make") -> None:
        self.settings = settings
        self.name = settings.tenant
        self.used_at = 0.0
        self._make = make
        self._making = threading.Lock()
        self._database: Database | None = None
        self._app: WSGIApplication | None = None
        self._again_at = 0.0

    def app(self) -> "WSGIApplication":
        """Return the app. Raises NotServed while the database does not answer, is not upgraded, or
        is that of another network."""
        if self._app is None:
            with self._making:
                self._app = self._app or self._begun()
        return self._app

    def _begun(self) -> "WSGIApplication":
        if time.monotonic() < self._again_at:
            raise NotServed
        try:
            database = self._own_database()
            check_ready(database, self.settings)
            return self._make(self.settings, database)
        except Exception as error:
            self._again_at = time.monotonic() + AGAIN_AFTER
            log.error("tenant.not-served", reason=reason_of(error))
            raise NotServed from error

    def database(self) -> Database:
        """Return the database, which may not answer. Raises Failure if it has no keys."""
        with self._making:
            return self._own_database()

    def _own_database(self) -> Database:
        if self._database is None:
            self._database = Database(self.settings.url, self.settings.encryption_keys)
        return self._database

    def is_ready(self) -> bool:
        """Return whether the database can be read and written."""
        with tenancy.working_for(self.name):
            try:
                check_ready(self.database(), self.settings)
                self.database().run(lambda session: lock(session, "readyz"))
            except Busy:
                return True  # others do write
            except Exception as error:
                log.warning("tenant.not-ready", reason=reason_of(error))
                return False
            return True

    @property
    def idle(self) -> int:
        """Return the number of connections that are kept for later."""
        return self._database.idle if self._database else 0

    def rest(self) -> None:
        """Close the connections that are not in use."""
        if self._database:
            self._database.close()


class ByHost:
    """Passes a request on to the network that its host names, and tells nothing to others."""

    def __init__(self, folder: Folder, make: "Make") -> None:
        self._folder, self._make = folder, make
        self._changing = threading.Lock()
        self._known: Tenants | None = None
        self._networks: Mapping[str, Network] = {}
        self._by_host: Mapping[str, Network] = {}
        self._was_ready: Network | None = None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        network = self._network_of(environ)
        tenancy.stay_with(network.name if network else "")
        return self._answer_of(network, environ)(environ, start_response)

    def share_of(self, environ: "WSGIEnvironment") -> str:
        """Return whose threads a request takes: those of its network, as far as it was looked at
        the folder already."""
        network = self._by_host.get(host_named(environ.get("HTTP_HOST", "")))
        return network.name if network else ""

    def _answer_of(self, network: Network | None, environ: "WSGIEnvironment") -> "WSGIApplication":
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return self._metrics(Request(environ))
        if network is None and path == "/readyz":
            return self._readiness()
        if network is None:
            metrics.REFUSED.labels(UNKNOWN.code).inc()
            return self._refusal(UNKNOWN, environ)
        try:
            app = network.app()
        except NotServed:
            return self._refusal(NOT_SERVED, environ)
        network.used_at = time.monotonic()
        self._spare_connections(network)
        return app

    def _network_of(self, environ: "WSGIEnvironment") -> Network | None:
        tenants = self._folder.tenants()
        if tenants is not self._known:
            with self._changing:
                self._change(tenants)
        return self._by_host.get(host_named(environ.get("HTTP_HOST", "")))

    def _change(self, tenants: Tenants) -> None:
        """Serve other networks; what did not change stays as it is."""
        before, after = self._networks, dict[str, Network]()
        for name, settings in tenants.settings.items():
            known = before.get(name)
            is_same = known is not None and known.settings is settings
            after[name] = known if known and is_same else Network(settings, self._make)
        self._networks = after
        self._by_host = {host: after[name] for host, name in tenants.by_host.items()}
        self._known = tenants
        for network in before.values():
            if network not in after.values():
                network.rest()

    def _spare_connections(self, used: Network) -> None:
        """Close the idle connections of those who were not asked for the longest time, if there are
        too many."""
        networks = self._networks.values()
        if sum(network.idle for network in networks) <= MOST_IDLE:
            return
        others = [network for network in networks if network.idle and network is not used]
        if others:
            min(others, key=lambda network: network.used_at).rest()

    def _readiness(self) -> Response:
        """Answer whether this process serves anybody: one network that is away is no reason to ask
        it for none."""
        networks = sorted(self._networks.values(), key=lambda one: one is not self._was_ready)
        self._was_ready = next((one for one in networks if one.is_ready()), None)
        status, words = (200, "ready") if self._was_ready else (503, "not ready")
        return self._response({"status": words}, status, "application/json")

    def _metrics(self, request: Request) -> Response:
        settings = self._folder.installation
        if not settings.measures:
            return self._refusal(Problem(404, "not-found", "Page not found."), request.environ)
        if not measuring.may_read(settings, request):
            sentence = "Metrics are read with their token, from the networks of the settings."
            return self._refusal(Problem(403, "forbidden", sentence), request.environ)
        return Response(measuring.text(self._databases()), content_type=CONTENT_TYPE_LATEST)

    def _databases(self) -> Mapping[str, Database]:
        found = dict[str, Database]()
        for name, network in self._networks.items():
            with tenancy.working_for(name):
                try:
                    found[name] = network.database()
                except Exception as error:
                    log.warning("metrics.no-database", kind=reason_of(error))
        return found

    def _refusal(self, problem: Problem, environ: "WSGIEnvironment") -> Response:
        """Return a problem as text for browsers, and as JSON for programs."""
        if "text/html" in environ.get("HTTP_ACCEPT", ""):
            answer = Response(f"{problem.sentence}\n", problem.status, content_type="text/plain")
        else:
            answer = self._response(as_json(problem), problem.status, "application/problem+json")
        if problem.status == 503:
            answer.headers["Retry-After"] = "5"
        answer.headers.update(shields.for_answers_without_pages(self._folder.installation))
        return answer

    def _response(self, value: Mapping[str, object], status: int, kind: str) -> Response:
        text = json.dumps(value) + "\n"
        return Response(text, status, {"Cache-Control": "no-store"}, content_type=kind)
