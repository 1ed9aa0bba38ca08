"""The editor of hours: what people enter, what results from it, and what is said to be wrong."""

import html
import re
from datetime import date

import pytest

from entrypoints.browsing import ClientFor
from entrypoints.world import World
from openslot.core.db import Database
from openslot.schedules import queries
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule, StartsFrom
from openslot.schedules.queries import replace_hours
from openslot.schedules.rules import Place

LIMITS = {"slot_minutes": "50", "max_slots": "2", "notice_minutes": "0", "horizon_days": "90"}
MONDAY = {"hours-0-0-starts": "9", "hours-0-0-ends": "12"}


def other(number: int = 0, **fields: str) -> dict[str, str]:
    """Hours on other days, as the form names their fields."""
    usual = {"starts": "18:00", "ends": "20:00"}
    return {f"hours-o-{number}-{name}": typed for name, typed in (usual | fields).items()}


def place_of(database: Database, schedule_id: int) -> Place:
    return database.read(
        lambda session: queries.places(session, Schedule.id == schedule_id)[schedule_id]
    )


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def path(world: World) -> str:
    return f"/admin/schedules/{world.schedules['owner']}"


EVENING = (1080, 1200)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (
            other(day="2027-03-02", repeats="2"),
            Weekly(1, *EVENING, date(2027, 3, 2), None, "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ),
        (
            other(day="2027-03-02", repeats="4", until="2027-12-31"),
            Weekly(
                1,
                *EVENING,
                date(2027, 3, 2),
                date(2027, 12, 31),
                "FREQ=WEEKLY;INTERVAL=4;BYDAY=TU",
            ),
        ),
        (
            other(day="2027-03-09", repeats="month"),
            Weekly(1, *EVENING, date(2027, 3, 9), None, "FREQ=MONTHLY;BYDAY=2TU"),
        ),
        (
            other(day="2027-03-30", repeats="month"),  # the fifth
            Weekly(1, *EVENING, date(2027, 3, 30), None, "FREQ=MONTHLY;BYDAY=-1TU"),
        ),
        (
            other(day="2027-03-26", repeats="month-last", holidays="yes"),
            Weekly(4, *EVENING, date(2027, 3, 26), None, "FREQ=MONTHLY;BYDAY=-1FR", True),
        ),
        (
            other(day="2027-03-06", repeats="once", until="2028-01-01"),
            Weekly(5, *EVENING, date(2027, 3, 6), date(2027, 3, 6)),
        ),
    ],
)
def test_other_days_follow_from_one_date(
    client_for: ClientFor,
    world: World,
    network: Database,
    path: str,
    typed: dict[str, str],
    kept: Weekly,
) -> None:
    client = client_for("centre-admin-owner")
    assert client.send(path, **LIMITS, **MONDAY, **typed).status_code == 303
    hours = place_of(network, world.schedules["owner"]).hours
    assert set(hours) == {Weekly(0, 540, 720), kept}
    page = client.get(path).text
    for name, value in typed.items():
        if name.endswith(("day", "starts")):
            assert f'name="{name}" value="{value}"' in page
    shown = {
        **LIMITS,
        **MONDAY,
        **dict(re.findall(r'name="(hours-o-0-\w+)" value="([^"]+)"', page)),
    }
    shown["hours-o-0-repeats"] = re.findall(r'<option value="([\w-]+)" selected', page)[0]
    shown.pop("hours-o-0-holidays") if "holidays" not in str(typed) else None
    assert client.send(path, **shown).status_code == 303
    assert place_of(network, world.schedules["owner"]).hours == hours  # saved again as it is shown


def test_hours_of_each_week_can_be_for_holidays(
    client_for: ClientFor, world: World, network: Database, path: str
) -> None:
    typed = {**LIMITS, **MONDAY, "hours-0-0-holidays": "yes"}
    assert client_for("centre-admin-owner").send(path, **typed).status_code == 303
    (period,) = place_of(network, world.schedules["owner"]).hours
    assert period == Weekly(0, 540, 720, on_holidays=True)


def test_a_rule_of_a_program_is_kept_until_its_times_are_cleared(
    client_for: ClientFor, world: World, network: Database, path: str
) -> None:
    schedule = world.schedules["owner"]
    rule = Weekly(1, *EVENING, date(2027, 3, 2), None, "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=9")
    network.run(lambda session: replace_hours(session, schedule, [rule]))
    client = client_for("centre-admin-owner")
    page = client.get(path).text
    assert "Every week on Tuesday, Thursday, 9 times" in text_of(page)
    fields = dict(re.findall(r'name="(hours-o-0-\w+)" value="([^"]*)"', page))
    fields.pop("hours-o-0-holidays")
    assert client.send(path, **LIMITS, **fields).status_code == 303
    assert place_of(network, schedule).hours == (rule,)
    cleared = fields | {"hours-o-0-starts": "", "hours-o-0-ends": ""}
    assert client.send(path, **LIMITS, **MONDAY, **cleared).status_code == 303
    assert place_of(network, schedule).hours == (Weekly(0, 540, 720),)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (other(day="", repeats="2"), "Enter the date, or the first one."),
        (other(day="2027-02-30"), "Enter dates such as"),
        (other(day="2027-03-02", repeats="2", until="2027-03-01"), "after the first"),
        (other(day="2027-03-02", ends="x"), "Enter hours such as 09:00 to 17:00"),
        (
            other(day="2027-03-02", repeats="rule", rule="FREQ=YEARLY"),
            "Write how the hours recur",
        ),
    ],
)
def test_what_is_wrong_is_said_beside_the_row(
    client_for: ClientFor, path: str, typed: dict[str, str], sentence: str
) -> None:
    answer = client_for("centre-admin-owner").send(path, **LIMITS, **typed)
    assert answer.status_code == 422
    assert sentence in text_of(answer.text)
    assert 'id="hours-o-0-error"' in answer.text
    assert 'href="#hours-o-0-day"' in answer.text


def test_alternate_weeks_may_have_the_same_hours_and_others_not(
    client_for: ClientFor, path: str
) -> None:
    client = client_for("centre-admin-owner")
    odd, even = other(0, day="2027-03-02", repeats="2"), other(1, day="2027-03-09", repeats="2")
    assert client.send(path, **LIMITS, **odd, **even).status_code == 303
    twice = client.send(path, **LIMITS, **odd, **other(1, day="2027-03-16", repeats="once"))
    assert twice.status_code == 422
    assert "overlap on 2027-03-16 at 18:00" in twice.text


def test_a_preview_shows_what_results_and_saves_nothing(
    client_for: ClientFor, world: World, network: Database, path: str
) -> None:
    before = place_of(network, world.schedules["owner"])
    client = client_for("centre-admin-owner")
    week = {f"hours-{day}-0-{end}": at for day in range(7) for end, at in PERIOD.items()}
    answer = client.send(path, **LIMITS, **week, preview="yes")
    assert answer.status_code == 200
    page = text_of(answer.text)
    assert "Nothing is saved yet" in page
    # From 9 to 12 there are three times 50 minutes.
    assert "9:00 am 9:50 am 10:40 am" in page
    assert "30 minutes left over" in page
    assert "42 times, without what is booked. 7 hours are left over." in page
    assert place_of(network, world.schedules["owner"]).hours == before.hours
    hourly = client.send(path, **LIMITS, **week, step_minutes="60", preview="yes")
    assert "9:00 am 10:00 am 11:00 am" in text_of(hourly.text)
    wrong = client.send(path, **LIMITS | {"slot_minutes": "52"}, **week, preview="yes")
    assert wrong.status_code == 422
    assert "Enter a slot length" in wrong.text


PERIOD = {"starts": "9", "ends": "12"}


@pytest.mark.parametrize("who", ["staff-owner", "centre-admin-owner"])
def test_new_services_are_previewed_too(client_for: ClientFor, world: World, who: str) -> None:
    path = f"/admin/departments/{world.departments['owner']}/services/new"
    typed = {"name": "Scan", "minutes": "30", "bookable_by": "public", **LIMITS, **MONDAY}
    client = client_for(who)
    answer = client.send(path, **typed, preview="yes")
    assert answer.status_code == 200
    assert "6 times, without what is booked" in text_of(answer.text)
    assert "Scan" not in client.get(f"/admin/departments/{world.departments['owner']}").text


def test_starts_are_kept_and_shown(
    client_for: ClientFor, world: World, network: Database, path: str
) -> None:
    client = client_for("centre-admin-owner")
    how = {"step_minutes": "60", "starts_from": "midnight", "flush": "y"}
    assert client.send(path, **LIMITS, **MONDAY, **how).status_code == 303
    place = place_of(network, world.schedules["owner"])
    assert (place.slot_minutes, place.step_minutes, place.flush) == (50, 60, True)
    assert place.starts_from is StartsFrom.MIDNIGHT
    page = client.get(path).text
    assert re.search(r'selected value="60"|value="60" selected', page)
    assert 'checked id="flush"' in page or re.search(
        r'id="flush"[^>]*checked|checked[^>]*id="flush"', page
    )
    assert client.send(path, **LIMITS, **MONDAY, step_minutes="").status_code == 303
    place = place_of(network, world.schedules["owner"])
    assert (place.step_minutes, place.flush) == (None, False)


def test_practitioners_preview_their_own_hours(client_for: ClientFor, world: World) -> None:
    client = client_for("practitioner-owner")
    path = f"/calendar/hours/{world.schedules['owner']}"
    assert "Times in the next two weeks" in client.get(path).text
    answer = client.send(path, **MONDAY, preview="yes")
    assert answer.status_code == 200
    assert "12 times, without what is booked. Nothing is left over." in text_of(answer.text)


def test_profiles_say_the_other_days(
    client_for: ClientFor, world: World, network: Database, path: str
) -> None:
    client = client_for("centre-admin-owner")
    typed = other(0, day="2027-03-02", repeats="2") | other(1, day="2020-03-07")
    assert client.send(path, **LIMITS, **MONDAY, **typed).status_code == 303
    page = text_of(client.get(f"/practitioners/{world.practitioners['owner']}").text)
    assert "Tuesday to Sunday Closed" in page
    assert "Every 2 weeks on Tuesday" in page
    assert "6:00 pm to 8:00 pm" in page.replace("\u202f", " ").replace("\xa0", " ")
    assert "2020" not in page  # what is over is left out
