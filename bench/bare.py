"""The least that a Flask view with one SELECT does, behind the same server as OpenSlot."""

import os
import sys

from flask import Flask, Response, jsonify
from sqlalchemy import text

from openslot.core.engines import make_engine
from openslot.entrypoints.asgi import AsgiApp
from openslot.entrypoints.cli import serving
from openslot.entrypoints.loaded import Loaded

SELECT = text("SELECT number FROM directory_version")


def load(*, threads: int) -> Loaded:
    """Return the application, as openslot.app does."""
    app = Flask(__name__)
    engine = make_engine(os.environ["OPENSLOT_DATABASE_URL"]).execution_options(
        openslot_reads=True, isolation_level="AUTOCOMMIT"
    )

    @app.get("/version")
    def version() -> Response:
        with engine.connect() as connection:
            return jsonify(version=connection.execute(SELECT).scalar())

    served = AsgiApp(app, threads=threads, largest_body=1024, body_seconds=1)
    return Loaded(served)


if __name__ == "__main__":
    serving.answer(load(threads=serving.THREADS), "127.0.0.1", int(sys.argv[1]))
