"""The pages and files of reports: who reads which, and what odd addresses get."""

import csv
import html
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

import factories
from entrypoints.browsing import ClientFor
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Centre
from openslot.entrypoints.web.report_words import Kind

HEADINGS = (
    "How many appointments are booked?",
    "How much of the open time is booked?",
    "How many appointments are missed?",
    "How long before an appointment is it booked?",
    "How soon can patients be seen?",
)


def ahead() -> str:
    """A period around the appointments of the world, which are three days from now."""
    today = datetime.now(UTC).date()
    return f"since={today - timedelta(days=1)}&until={today + timedelta(days=6)}"


def rows(text: str) -> list[list[str]]:
    """A file as tables read it."""
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.mark.parametrize(
    ("person", "appointments"),
    [("network-admin", 3), ("centre-admin-owner", 2), ("practitioner-owner", 1)],
)
def test_each_reads_the_figures_of_their_own(
    client_for: ClientFor, person: str, appointments: int
) -> None:
    client = client_for(person)
    page = client.get(f"/reports?{ahead()}")
    assert page.status_code == 200
    for heading in HEADINGS:
        assert heading in page.text
    file = client.get(f"/reports/bookings.csv?{ahead()}")
    assert sum(int(row[1]) for row in rows(file.text)[1:]) == appointments


@pytest.mark.parametrize(
    ("person", "status"), [("patient-owner", 403), ("staff-owner", 403), (None, 303)]
)
def test_patients_and_staff_read_none(
    client_for: ClientFor, person: str | None, status: int
) -> None:
    client = client_for(person)
    assert client.get("/reports").status_code == status
    assert client.get("/reports/bookings.csv").status_code == status


@pytest.mark.parametrize("person", ["centre-admin-owner", "practitioner-owner"])
@pytest.mark.parametrize("path", ["/reports", "/reports/utilisation.csv"])
def test_another_centre_is_not_there_even_when_it_is_named(
    client_for: ClientFor, world: World, person: str, path: str
) -> None:
    client = client_for(person)
    assert client.get(f"{path}?centre={world.centres['own']}").status_code == 200
    assert client.get(f"{path}?centre={world.centres['other']}").status_code == 404
    assert client.get(f"{path}?centre=4711").status_code == 404


@pytest.mark.parametrize("group", ["week", "centre", "profession"])
@pytest.mark.parametrize("kind", Kind)
def test_no_file_of_a_centre_names_another(client_for: ClientFor, kind: Kind, group: str) -> None:
    text = client_for("centre-admin-owner").get(f"/reports/{kind}.csv?{ahead()}&group={group}").text
    assert "Wattle" not in text
    assert len(rows(text)) > 1 or kind is Kind.NO_SHOWS  # none is due yet


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("path", ["/reports", "/reports/{kind}.csv"])
def test_reports_bear_no_patients_name(client_for: ClientFor, kind: Kind, path: str) -> None:
    page = client_for("network-admin").get(f"{path.format(kind=kind)}?{ahead()}")
    assert "Aroha" not in page.text


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("since=tomorrow", 400, "since must be a date"),
        ("until=2026-02-30", 400, "until must be a date"),
        ("since=0001-01-01", 400, "since must be between 1900 and 2200"),
        ("weeks=5", 400, "weeks is not one of the choices"),
        ("weeks=-1", 400, "weeks must be a whole number"),
        ("centre=x", 400, "centre must be a whole number"),
        ("centre=99999999999999999999", 400, "centre must be a whole number"),
        ("profession=Astrologer", 400, "profession is not one of the choices"),
        ("group=patient", 400, "group is not one of the choices"),
        ("since=2026-02-01&until=2026-01-01", 422, "first day that is not after the last"),
        ("since=2024-01-01&until=2026-01-01", 422, "at most 53 weeks"),
    ],
)
def test_odd_addresses_get_a_sentence(
    client_for: ClientFor, query: str, status: int, words: str
) -> None:
    client = client_for("network-admin")
    for path in ("/reports", "/reports/waiting.csv"):
        page = client.get(f"{path}?{query}")
        assert page.status_code == status
        assert words in page.text


def test_a_refused_period_stays_in_its_fields(client_for: ClientFor) -> None:
    page = client_for("network-admin").get("/reports?since=2026-02-01&until=2026-01-01")
    assert "<title>Error: " in page.text
    assert 'value="2026-02-01"' in page.text
    assert 'value="2026-01-01"' in page.text


def test_a_report_that_is_none_is_not_found(client_for: ClientFor) -> None:
    assert client_for("network-admin").get("/reports/patients.csv").status_code == 404


def test_figures_compare_with_the_period_before_and_lead_to_what_they_count(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("centre-admin-owner")
    page = client.get(f"/reports?{ahead()}").text
    assert "2 more than in the 8 days before." in page
    links = {html.unescape(link) for link in re.findall(r'href="(/desk/list\?[^"]+)"', page)}
    assert links
    assert (
        '<a href="/desk/list' in page.partition('<svg class="os-chart"')[2].partition("</svg>")[0]
    )
    lists = [client.get(link).text for link in links if "no-show" not in link]
    listed = {one for text in lists for one in re.findall("desk/appointments/([0-9a-f-]+)", text)}
    assert len(listed) == 2
    network = client_for("network-admin")
    by_centre = network.get(f"/reports?{ahead()}&group=centre").text
    assert f"centre={world.centres['own']}&amp;profession=" not in by_centre
    assert re.search(f'/reports\\?[^"]*centre={world.centres["own"]}[^"]*group=week', by_centre)


def test_a_period_without_appointments_says_so(client_for: ClientFor) -> None:
    client = client_for("practitioner-owner")
    page = client.get("/reports?since=2020-01-06&until=2020-01-12")
    assert page.status_code == 200
    assert page.text.count("No data.") == 3
    file = client.get("/reports/no-shows.csv?since=2020-01-06&until=2020-01-12")
    assert rows(file.text) == [["Week from", "Appointments due", "No-shows", "Missed"]]


def test_files_are_utf8_with_a_mark_and_named_after_their_period(client_for: ClientFor) -> None:
    file = client_for("network-admin").get(
        "/reports/lead-time.csv?since=2026-01-05&until=2026-01-11"
    )
    assert file.data.startswith(b"\xef\xbb\xbf")
    assert file.content_type == "text/csv; charset=utf-8"
    assert 'filename="lead-time-2026-01-05-2026-01-11.csv"' in file.headers["Content-Disposition"]


def test_a_centre_named_like_a_formula_reckons_nothing(
    client_for: ClientFor, network: Database, world: World
) -> None:
    factories.change(
        network, Centre, world.centres["own"], name='=HYPERLINK("http://example.org","Banksia")'
    )
    text = client_for("network-admin").get(f"/reports/bookings.csv?{ahead()}&group=centre").text
    assert any(row[0].startswith("'=HYPERLINK") for row in rows(text))


def test_charts_carry_their_words_and_no_inline_style(client_for: ClientFor) -> None:
    page = client_for("network-admin").get(f"/reports?{ahead()}").text
    drawn = re.findall(r"<svg class=\"os-chart\".*?</svg>", page, re.DOTALL)
    # Nothing was due yet, so nothing can have been missed; and whether anybody has to wait
    # until another day depends on the hour.
    assert 3 <= len(drawn) <= 4
    for chart in drawn:
        assert 'role="img"' in chart
        assert "<title " in chart
        assert "<desc " in chart
    assert " style=" not in page
    assert len(page) < 100_000


@pytest.mark.parametrize(
    ("languages", "asked", "separator"),
    [
        (None, "", ","),
        ("en-AU,de;q=0.5", "", ","),
        ("de-CH-1996", "", ","),
        ("de-DE,en;q=0.8", "", ";"),
        ("fr", "", ";"),
        ("pt-BR", "", ";"),
        ("nonsense, *;q=0.1", "", ","),
        ("de", "comma", ","),
        ("en", "semicolon", ";"),
        ("de", "nonsense", ";"),
    ],
)
@pytest.mark.parametrize("path", ["/reports/utilisation.csv", "/admin/audit.csv"])
def test_files_are_separated_as_the_readers_spreadsheet_expects(
    client_for: ClientFor, languages: str | None, asked: str, separator: str, path: str
) -> None:
    client = client_for("network-admin")
    headers = {"Accept-Language": languages} if languages else {}
    text = client.http.get(f"{path}?separator={asked}", headers=headers).text
    heading, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=separator)
    assert len(heading) > 3
    assert lines
    assert {len(cells) for cells in lines} == {len(heading)}
    numbers = {cell for cells in lines for cell in cells if re.fullmatch(r"[0-9]+[.,][0-9]+", cell)}
    assert all(("," in number) == (separator == ";") for number in numbers)
    assert numbers or "audit" in path
