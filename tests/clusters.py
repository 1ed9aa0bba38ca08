"""Throw-away clusters of the installed programs: nodes of Galera, PostgreSQL that is followed by
another. On 127.0.0.1 and private ports only."""

import secrets
import subprocess
import time
from collections.abc import Callable
from configparser import ConfigParser
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

import psycopg
import pymysql

from engines import Home, Server, free_ports, own_paths, program, start_postgres, start_postgresql

STARTS_WITHIN = 60.0


def until(holds: Callable[[], object], within: float = STARTS_WITHIN, every: float = 0.1) -> None:
    """Wait until something is so, whatever it raises before."""
    gives_up = time.monotonic() + within
    while True:
        with suppress(psycopg.Error, pymysql.MySQLError, OSError):
            if holds():
                return
        if time.monotonic() > gives_up:
            raise TimeoutError(holds)
        time.sleep(every)


def deployed(file: str) -> dict[str, dict[str, str]]:
    """The sections of a file of settings that is delivered."""
    parser = ConfigParser(interpolation=None)
    parser.read(Path(__file__).parents[1] / "deploy" / file)
    return {name: dict(parser[name]) for name in parser.sections()}


@dataclass
class Node:
    """A node of a Galera cluster, which can be killed and started again on its files."""

    home: Home
    port: int
    group: int
    """The port that other nodes know it by."""
    password: str
    options: dict[str, str]
    peers: list["Node"] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        """Start it, and have it find its peers."""
        peers = ",".join(f"127.0.0.1:{one.group}" for one in self.peers)
        self.process = self.home.start(
            program("mariadbd") or "mariadbd",
            "--no-defaults",
            *own_paths(self.home),
            f"--port={self.port}",
            "--skip-name-resolve",
            "--performance-schema=OFF",
            "--innodb-buffer-pool-size=128M",
            "--innodb-log-file-size=16M",
            *(f"--{name}={value}" for name, value in self.options.items()),
            f"--wsrep-cluster-address=gcomm://{peers}",
            *words,
        )

    def ask(self, statement: str) -> Any:
        """The first row of an answer."""
        with pymysql.connect(**self.login) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()

    @property
    def login(self) -> dict[str, Any]:
        """How to sign in."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "openslot",
            "password": self.password,
            "connect_timeout": 3,
            "read_timeout": 3,
        }

    def is_synced(self) -> bool:
        """Whether it takes part."""
        return bool(self.ask("SHOW STATUS LIKE 'wsrep_local_state_comment'")[1] == "Synced")

    def isolate(self, *, is_alone: bool) -> None:
        """Cut it off from its peers, as a network does, or let it back."""
        options = f"gmcast.isolate={int(is_alone)}"
        with pymysql.connect(**self.login) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET GLOBAL wsrep_provider_options = '{options}'")

    def signal(self, number: Signals) -> None:
        """Send a signal to it, if it runs."""
        if self.process:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def start_galera(parent: Path, weights: tuple[int, ...], **changed: str) -> list[Node]:
    """A Galera cluster of as many nodes as weights; the heaviest part of it goes on alone. It has
    the settings of deploy/, apart from those that are changed."""
    password = secrets.token_hex(16)
    nodes = []
    for number, weight in enumerate(weights, 1):
        port, group, state, copy = free_ports(4)
        options = deployed("galera.cnf")["mysqld"]
        here = {
            "gmcast.listen_addr": f"tcp://127.0.0.1:{group}",
            "base_port": group,
            "ist.recv_addr": f"127.0.0.1:{state}",
            "gcache.size": "64M",
            "pc.weight": weight,
        }
        provider = [options["wsrep_provider_options"].strip('"')]
        provider += [f"{name}={value}" for name, value in here.items()]
        options |= changed | {
            "bind_address": "127.0.0.1",
            "wsrep_node_name": f"db{number}",
            "wsrep_sst_donor": options["wsrep_sst_donor"].strip('"'),
            "wsrep_node_address": f"127.0.0.1:{group}",
            "wsrep_sst_receive_address": f"127.0.0.1:{copy}",
            "wsrep_provider_options": ";".join(provider),
        }
        home = Home.make(parent, "mysql", name=f"db{number}")
        nodes.append(Node(home, port, group, password, options))
    _install(nodes[0], password)
    for node in nodes[1:]:
        node.home.copy(nodes[0].home.folder / "data", "data")
    for node in nodes:
        node.peers = nodes
        node.start(*(["--wsrep-new-cluster"] if node is nodes[0] else []))
        until(node.is_synced, 20)
    return nodes


def _install(node: Node, password: str) -> None:
    own = own_paths(node.home)
    node.home.run(
        program("mariadb-install-db") or "mariadb-install-db",
        "--no-defaults",
        *own,
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=16M",
    )
    statements = (
        "FLUSH PRIVILEGES;\n"
        f"CREATE OR REPLACE USER openslot@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO openslot@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    subprocess.run(
        [program("mariadbd") or "mariadbd", "--no-defaults", "--bootstrap", *own],
        input=statements.encode(),
        check=True,
        capture_output=True,
        **node.home.identity,
    )


def url_of(nodes: list[Node], database: str) -> str:
    """The address of a database on any of the nodes."""
    hosts = "&".join(f"host=127.0.0.1:{node.port}" for node in nodes)
    return f"mariadb+pymysql://openslot:{nodes[0].password}@/{database}?{hosts}"


def start_pair(parent: Path) -> tuple[Server, Server]:
    """A PostgreSQL that leads, and one that follows it."""
    leader = start_postgresql(parent, synchronous_commit="on")
    socket = str(Path(leader.listens).parent)
    home = Home.make(parent, "postgres", name="follower")
    data = str(home.folder / "data")
    who = ("-h", socket, "-U", "openslot")
    home.run(program("pg_basebackup") or "", "-D", data, "-R", "-c", "fast", "--no-sync", *who)
    settings = {"listen_addresses": "", "unix_socket_directories": str(home.folder)}
    quick = {"max_connections": "200", "wal_retrieve_retry_interval": "100ms", "fsync": "off"}
    return leader, start_postgres(home, settings | quick)
