"""The least that Flask views with one SELECT, and with the bare transaction, do behind the same
server as OpenSlot."""

import os
import sys

from flask import Flask, Response, jsonify, request
from sqlalchemy import text

from openslot.core.engines import make_engine
from openslot.entrypoints.asgi import AsgiApp
from openslot.entrypoints.cli import serving
from openslot.entrypoints.loaded import Loaded

SELECT = text("SELECT number FROM directory_version")
UPDATE = text("UPDATE bare_page SET version = version + 1 WHERE id = :id")
INSERT = text("INSERT INTO bare_row (page) VALUES (:id)")


def load(*, threads: int) -> Loaded:
    """Return the application, as openslot.app does."""
    app = Flask(__name__)
    engine = make_engine(os.environ["OPENSLOT_DATABASE_URL"])
    reader = engine.execution_options(openslot_reads=True, isolation_level="AUTOCOMMIT")

    @app.get("/version")
    def version() -> Response:
        with reader.connect() as connection:
            return jsonify(version=connection.execute(SELECT).scalar())

    @app.post("/bare")
    def bare() -> Response:
        page = request.get_json()
        with engine.begin() as connection:
            connection.execute(UPDATE, page)
            connection.execute(INSERT, page)
        return jsonify(page)

    served = AsgiApp(app, threads=threads, largest_body=1024, body_seconds=1)
    return Loaded(served)


if __name__ == "__main__":
    serving.answer(load(threads=serving.THREADS), "127.0.0.1", int(sys.argv[1]))
