"""Which answers an Idempotency-Key brings back, and whose."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.programs import Program, with_key
from openslot.core import idempotency as kept
from openslot.core.db import Database
from openslot.core.errors import Busy, RateLimited, Unavailable
from openslot.core.idempotency import KeptAnswer
from openslot.directory import commands
from openslot.directory.models import Patient
from openslot.entrypoints.api import idempotency
from openslot.entrypoints.api.operations import Operation

PATH = "/api/v1/patients"
ANN = {"name": "Ann Lee", "anyway": True}


def count(database: Database) -> int:
    return database.read(lambda session: session.query(Patient).count())


@pytest.mark.parametrize(("error", "status"), [(Busy, 503), (RateLimited, 429)])
def test_what_says_to_try_again_is_tried_again(
    app: Flask, network: Database, monkeypatch: pytest.MonkeyPatch, error: Any, status: int
) -> None:
    program = with_key(app, network, "*")

    def refuse(*_given: object, **_named: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(commands, "add_patient", refuse)
        first = program.send("POST", PATH, ANN, Idempotency_Key="k")
        assert first.status_code == status
        assert first.headers["Retry-After"]
    assert program.send("POST", PATH, ANN, Idempotency_Key="k").status_code == 201


def test_a_refusal_by_a_rule_is_given_again(app: Flask, network: Database) -> None:
    program, ann = with_key(app, network, "*"), {"name": "Ann Lee", "born": "1990-01-01"}
    program.send("POST", PATH, ann)
    for _ in range(2):
        answer: Any = program.send("POST", PATH, ann, Idempotency_Key="k")
        assert (answer.status_code, answer.json["code"]) == (409, "patient-known")


def test_keys_of_one_name_share_no_answers(app: Flask, network: Database) -> None:
    before = count(network)
    answers: list[Any] = [
        with_key(app, network, "*").send("POST", PATH, ANN, Idempotency_Key="k") for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json["id"] != answers[1].json["id"]
    assert count(network) == before + 2


def test_a_key_whose_request_met_an_outage_is_tried_again_in_seconds(
    app: Flask, network: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key stays, since it cannot be taken back while the database is away."""
    program, before = with_key(app, network, "*"), count(network)

    def go_away(*_given: object, **_named: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(commands, "add_patient", go_away)
        patch.setattr(kept, "forget", go_away)
        assert program.send("POST", PATH, ANN, Idempotency_Key="k").status_code == 503
    soon = program.send("POST", PATH, ANN, Idempotency_Key="k")
    assert (soon.status_code, soon.json["code"]) == (409, "still-running")
    waited = timedelta(seconds=int(soon.headers["Retry-After"]))
    assert waited <= timedelta(seconds=5)

    def age(session: Session) -> None:
        session.query(KeptAnswer).one().started_at -= waited

    network.run(age)
    assert program.send("POST", PATH, ANN, Idempotency_Key="k").status_code == 201
    assert count(network) == before + 1


def test_an_answer_that_cannot_be_kept_is_given_and_the_work_is_done_once(
    app: Flask, network: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, before = with_key(app, network, "*"), count(network)

    def go_away(*_given: object, **_named: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(kept, "finish", go_away)
        assert program.send("POST", PATH, ANN, Idempotency_Key="k").status_code == 201

    def age(session: Session) -> None:
        session.query(KeptAnswer).one().started_at -= idempotency.ANSWERS_WITHIN

    network.run(age)
    again: Any = program.send("POST", PATH, ANN, Idempotency_Key="k")
    assert (again.status_code, again.json["code"]) == (409, "answer-lost")
    assert count(network) == before + 1


def test_the_guide_names_every_post_that_takes_no_key(app: Flask) -> None:
    """But for those whose answer has a secret, of which it speaks as a kind."""
    without = {
        re.sub("<[^>]+>", "{id}", operation.path)
        for view in app.view_functions.values()
        if isinstance(operation := getattr(view, "operation", None), Operation)
        and operation.method == "POST"
        and not operation.may_be_repeated
        and not operation.secret
    }
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    sentence = re.search(r"Every `POST` accepts the header, except .*?\.\s", guide, re.DOTALL)
    assert sentence
    assert set(re.findall(r"`POST (\S+)`", sentence[0])) == without


def test_the_openapi_document_offers_the_key_wherever_it_is_taken(app: Flask) -> None:
    paths = Program(app).get("/api/v1/openapi.json")["paths"]
    offered = {
        path
        for path, methods in paths.items()
        if any(
            one.get("name") == idempotency.HEADER
            for one in methods.get("post", {}).get("parameters", ())
        )
    }
    assert PATH in offered
    assert f"{PATH}/search" not in offered
