"""What somebody learns who has a copy of the database, and no key."""

from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import MetaData, Text, select, type_coerce

from entrypoints.belongings import SECRET, furnish
from entrypoints.browsing import ClientFor, link_in, mails
from entrypoints.programs import signed_in, with_key
from entrypoints.world import PASSWORD, World, build
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.worker.main import handle_next

IN_CLEAR = {
    "account.name",
    "account.name_key",
    "api_client.name",
    "api_key.name",
    "closure.reason",
    "patient.name",
    "patient.name_key",
    "resource_group.name",
    "room.name",
    "webhook_delivery.payload",
    "webhook_endpoint.url",
}
"""Columns that may show the word that everything in the furnished world bears: names by which
people and things are found, and what is public or for other programs."""


def where_is(database: Database, word: str) -> set[str]:
    """The columns of a copy that have the word, as the engine returns them."""
    tables = MetaData()
    tables.reflect(database.engine)
    with database.engine.connect() as connection:
        return {
            f"{table.name}.{column.name}"
            for table in tables.sorted_tables
            for column in table.c
            for value in connection.scalars(select(type_coerce(column, Text)))
            if word in str(value).lower()
        }


def test_texts_about_people_are_in_no_copy_of_the_database(database: Database) -> None:
    furnish(database, build(database))
    assert where_is(database, SECRET) == IN_CLEAR


def test_neither_texts_nor_links_are_in_the_files(
    app: Flask, network: Database, world: World, settings: Settings, client_for: ClientFor
) -> None:
    """Nor in the journal beside it, before the mails are sent and afterwards."""
    settings.confirm_email = True
    program, treating = with_key(app, network, "*"), signed_in(app, world, "practitioner-owner")
    history = f"/api/v1/patients/{world.patients['owner']}/history"
    patient = {"name": "Ann Lee", "born": "2015-01-01", "medicare_number": "2955 00011 1"}
    hook = {"url": "https://hooks.example.org/", "events": ["appointment.booked"]}
    program.send("POST", "/api/v1/patients", patient, Idempotency_Key="once")
    treating.send("POST", history, {"text": "Chilblains"}, Idempotency_Key="once")
    endpoint: Any = program.send("POST", "/api/v1/webhooks", hook).json
    person = {"name": "Bo", "email": "bo@example.org", "phone": "0400 111 222"}
    client_for(None).send("/sign-up", **person, born="31 3 1980", password=PASSWORD)
    client_for(None).send("/forgot", email=world.emails["patient-owner"])
    links = [link_in(mail) for mail in mails(network)]
    assert len(links) == 2
    words = ["2955 00011 1", "2955000111", "Chilblains", endpoint["secret"], "0400 111 222"]
    for _ in range(2):
        held = b"".join(file.read_bytes() for file in _files(network))
        for word in (*words, *(link.rpartition("/")[2] for link in links)):
            assert word.encode() not in held, word
        while handle_next(network, settings):
            pass


def _files(database: Database) -> list[Path]:
    file = Path(str(database.engine.url.database))
    return list(file.parent.glob(f"{file.name}*"))
