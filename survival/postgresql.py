"""PostgreSQL with a synchronous standby under Patroni, and a PgBouncer before each."""

import json
import os
import secrets
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.request import urlopen

import psycopg
import yaml

from clusters import deployed, until
from engines import Home, free_ports, program

DEPLOY = Path(__file__).parents[1] / "deploy"


@dataclass
class Member:
    """A machine: Patroni, the PostgreSQL that it runs, and a PgBouncer before it."""

    home: Home
    name: str
    port: int
    api: int
    pooler: int
    patroni: subprocess.Popen[bytes] | None = None
    pgbouncer: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        self.patroni = self.home.start("/usr/bin/patroni", str(self.home.folder / "patroni.json"))

    def start_pooler(self) -> None:
        """Start PgBouncer."""
        file = str(self.home.folder / "pgbouncer.ini")
        self.pgbouncer = self.home.start(program("pgbouncer") or "pgbouncer", file)

        def answers() -> bool:
            create_connection(("127.0.0.1", self.pooler)).close()
            return True

        until(answers)

    def kill(self) -> None:
        """End Patroni and PostgreSQL at once, as when the machine dies."""
        if self.patroni:
            self.patroni.kill()
        self.signal(signal.SIGKILL)
        if self.patroni:
            self.patroni.wait()
            self.patroni = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to PostgreSQL, and none to Patroni."""
        with suppress(OSError):
            first = int((self.home.folder / "data/postmaster.pid").read_text().split()[0])
            for pid in (first, *_children(first)):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def hand_over(self) -> None:
        """Have Patroni let the other lead, as before an upgrade."""
        words = ("switchover", "--force", "--master", self.name)
        file = str(self.home.folder / "patroni.json")
        self.home.run("/usr/bin/patronictl", "-c", file, *words)

    def kill_pooler(self) -> None:
        """End PgBouncer at once."""
        if self.pgbouncer:
            self.pgbouncer.kill()
            self.pgbouncer.wait()
            self.pgbouncer = None

    def state(self) -> dict[str, Any]:
        """What Patroni says of it."""
        with urlopen(f"http://127.0.0.1:{self.api}/patroni", timeout=2) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def leads(self) -> bool:
        """Whether it is the primary."""
        with suppress(OSError):
            return self.state().get("role") == "master"
        return False

    def is_synchronous(self) -> bool:
        """Whether it is the standby that commits wait for."""
        with suppress(OSError):
            return bool(self.state().get("sync_standby"))
        return False


@dataclass
class Cluster:
    """Two members, and the etcd that knows which of them leads."""

    members: list[Member]
    etcd: subprocess.Popen[bytes]
    password: str

    @classmethod
    def start(cls, parent: Path) -> "Cluster":
        """Start all, and create the database."""
        password = secrets.token_hex(16)
        store, peer = free_ports(2)
        home = Home.make(parent, "postgres", name="etcd")
        etcd = home.start(
            "/usr/bin/etcd",
            f"--data-dir={home.folder / 'data'}",
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--enable-v2",
        )
        members = [_member(parent, f"pg{number}", store, password) for number in (1, 2)]
        cluster = cls(members, etcd, password)
        until(lambda: urlopen(f"http://127.0.0.1:{store}/health", timeout=2))
        members[0].start()
        until(members[0].leads)
        members[1].start()
        until(members[1].is_synchronous)
        with psycopg.connect(cluster.login("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE openslot OWNER openslot")
        for member in members:
            member.start_pooler()
        return cluster

    def login(self, database: str) -> str:
        """How the superuser signs in at the primary."""
        port = self.leader().port
        return (
            f"host=127.0.0.1 port={port} user=postgres password={self.password} dbname={database}"
        )

    @property
    def url(self) -> str:
        """The address for OpenSlot, through PgBouncer."""
        return self._at(*(member.pooler for member in self.members))

    @property
    def direct_url(self) -> str:
        """The address without PgBouncer."""
        return self._at(*(member.port for member in self.members))

    def _at(self, *ports: int) -> str:
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in ports)
        return f"postgresql+psycopg://openslot:{self.password}@/openslot?{hosts}"

    def leader(self) -> Member:
        """The member that leads; LookupError while there is none."""
        found = next((member for member in self.members if member.leads()), None)
        if found is None:
            raise LookupError("nobody leads")
        return found

    def is_whole(self) -> bool:
        """Whether one leads, and the other is its synchronous standby."""
        roles = [(one.leads(), one.is_synchronous()) for one in self.members]
        return sorted(roles) == [(False, True), (True, False)]

    def stop(self) -> None:
        """End all."""
        for member in self.members:
            member.kill()
            member.kill_pooler()
        self.etcd.kill()
        self.etcd.wait()


def _member(parent: Path, name: str, store: int, password: str) -> Member:
    home = Home.make(parent, "postgres", name=name)
    # Debian's Patroni has a Python of its own, which must not find our modules.
    home.identity["env"] = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    port, api, pooler = free_ports(3)
    config = yaml.safe_load((DEPLOY / "patroni.yml").read_text(encoding="utf-8"))
    config |= {
        "name": name,
        "restapi": {"listen": f"127.0.0.1:{api}", "connect_address": f"127.0.0.1:{api}"},
        "etcd": {"host": f"127.0.0.1:{store}"},
    }
    config["bootstrap"]["users"]["openslot"]["password"] = password
    for role in config["postgresql"]["authentication"].values():
        role["password"] = password
    rules = config["postgresql"]["pg_hba"]
    config["postgresql"] |= {
        "listen": f"127.0.0.1:{port}",
        "connect_address": f"127.0.0.1:{port}",
        "data_dir": str(home.folder / "data"),
        "pgpass": str(home.folder / "pgpass"),
        "parameters": {"unix_socket_directories": str(home.folder)},
        "pg_hba": [rule.replace("10.0.0.0/24", "127.0.0.1/32") for rule in rules],
    }
    pooling = deployed("pgbouncer.ini")["pgbouncer"] | {
        "listen_addr": "127.0.0.1",
        "listen_port": f"{pooler}",
        "unix_socket_dir": "",
        "logfile": str(home.folder / "pgbouncer.log"),
        "pidfile": str(home.folder / "pgbouncer.pid"),
        "auth_file": str(home.folder / "users"),
    }
    lines = [
        "[databases]",
        f"openslot = host=127.0.0.1 port={port}",
        "[pgbouncer]",
        *(f"{key} = {value}" for key, value in pooling.items()),
    ]
    for file, content in {
        "patroni.json": json.dumps(config),
        "pgbouncer.ini": "\n".join(lines) + "\n",
        "users": f'"openslot" "{password}"\n',
    }.items():
        path = home.folder / file
        path.write_text(content)
        path.chmod(0o600)
        if "user" in home.identity:
            os.chown(path, home.identity["user"], home.identity["group"])
    return Member(home, name, port, api, pooler)


def _children(parent: int) -> list[int]:
    with suppress(OSError):
        return [*map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]
    return []
