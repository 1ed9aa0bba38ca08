"""Practitioners with their hours, accounts, and imports, for administrators."""

import gzip
import io
import re
from html import unescape

import pytest

import factories
from entrypoints.browsing import ClientFor, mails
from entrypoints.world import PASSWORD, World
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory import queries as directory
from openslot.identity import queries as identities
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly

LIMITS = {"slot_minutes": "30", "max_slots": "4", "notice_minutes": "0", "horizon_days": "180"}
HOURS = {"hours-0-0-starts": "9am", "hours-0-0-ends": "5pm"}
PERSON = {"name": "Daniel Okoye", "profession": "Specialist", "expertise": "Cardiology"}
NEW = "plum kettle orbit seven"


def test_a_practitioner_is_added_with_the_first_centre(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("centre-admin-owner")
    fields = {**PERSON, **LIMITS, **HOURS, "centre_id": world.centres["own"]}
    answer = client.send("/admin/practitioners/new", **fields)
    assert answer.status_code == 303
    practitioner_id = int(answer.location.rpartition("/")[2])
    [place] = network.read(
        lambda session: schedules.practitioner_places(session, practitioner_id)
    ).values()
    assert place.hours == (Weekly(0, 540, 1020),)
    assert "Daniel Okoye" in client.search("/admin/practitioners?q=okoye").text


def test_a_practitioner_is_added_in_steps_that_lose_nothing(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, new = client_for("network-admin"), "/admin/practitioners/new"
    service = network.run(
        lambda session: factories.offered_service(session, None, "Heart check", minutes=40).id
    )
    person = {**PERSON, "about": "Hearts of all ages", "gender": "female", "languages": "Hindi"}
    place = {**LIMITS, **HOURS, "centre_id": world.centres["own"], "services": service}
    refused = client.send(new, step="person", **{**person, "name": ""})
    assert refused.status_code == 422
    assert "Hearts of all ages" in refused.text
    hours = client.send(new, step="person", **person)
    assert hours.status_code == 200
    for name, value in person.items():
        assert f'name="{name}" value="{value}"' in hours.text, "carried along"
    assert 'name="hours-4-0-starts"' in hours.text
    back = client.send(new, step="place", go="back", **person, **place)
    for name in person:
        assert len(re.findall(f' name="{name}"', back.text)) == 1, "its own field, not carried"
    assert 'selected value="female"' in back.text
    assert "Hearts of all ages</textarea>" in back.text
    assert f'name="services" value="{service}"' in back.text
    account = client.send(new, step="place", **person, **place)
    assert account.status_code == 200
    assert 'name="invite"' in account.text
    everything = {**person, **place, "step": "account", "asked": "yes", "invite": "y"}
    taken = client.send(new, **everything, email=world.emails["staff-owner"])
    assert taken.status_code == 409
    assert "Another account has this" in taken.text
    assert 'name="hours-0-0-starts" value="9am"' in taken.text
    done = client.send(new, **everything, email="daniel@example.org")
    assert done.status_code in (200, 303)
    [practitioner] = network.read(
        lambda session: directory.practitioners(session, text="Okoye", limit=2, offset=0)[0]
    )
    assert practitioner.account_id is not None
    assert (practitioner.gender, practitioner.languages) == ("female", "Hindi")
    [opened] = network.read(
        lambda session: schedules.practitioner_places(session, practitioner.id)
    ).values()
    assert [one.service_id for one in opened.services] == [service]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"expertise": ""}, "area of expertise"),
        ({"centre_id": "999"}, "Choose the centre."),
        ({"profession": "Wizard"}, "There is no profession Wizard"),
        ({"slot_minutes": "7"}, "Enter a slot length"),
        ({"hours-0-0-ends": "never"}, "Monday: Enter hours"),
    ],
)
def test_what_is_wrong_with_a_practitioner_is_said_and_nothing_is_kept(
    client_for: ClientFor, world: World, network: Database, change: dict[str, str], sentence: str
) -> None:
    client = client_for("network-admin")
    fields = {**PERSON, **LIMITS, **HOURS, "centre_id": world.centres["own"], **change}
    answer = client.send("/admin/practitioners/new", **fields)
    assert answer.status_code == 422
    assert sentence in unescape(answer.text)
    _found, total = network.read(
        lambda session: directory.practitioners(session, text="Okoye", limit=1, offset=0)
    )
    assert total == 0


def test_an_administrator_of_a_centre_adds_to_that_centre_only(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("centre-admin-owner")
    fields = {**PERSON, **LIMITS, **HOURS, "centre_id": world.centres["other"]}
    assert client.send("/admin/practitioners/new", **fields).status_code == 422
    theirs = f"/admin/practitioners?centre={world.centres['other']}"
    assert "Priya Stranger" not in client.get(theirs).text
    network = client_for("network-admin").get(theirs).text
    assert "Priya Stranger" in network
    assert "Priya Owner" not in network
    assert re.search(r"Wattle Clinic</bdi> · Next free: ", network)


def test_hours_at_two_centres_may_not_meet_unless_marked(
    client_for: ClientFor, world: World
) -> None:
    client, person = client_for("network-admin"), world.practitioners["owner"]
    path = f"/admin/practitioners/{person}"
    fields = {**LIMITS, **HOURS, "centre_id": world.centres["other"]}
    answer = client.send(f"{path}/centres/new", **fields)
    assert answer.status_code == 422
    assert "either place" in answer.text
    details = {"name": "Priya Owner", "profession": "Physiotherapist"}
    assert client.send(f"{path}/edit", either_place="y", **details).status_code == 303
    assert client.send(f"{path}/centres/new", **fields).status_code == 303
    assert "Wattle Clinic" in client.get(path).text
    unmarked = client.send(f"{path}/edit", **details)
    assert unmarked.status_code == 422, "the hours need the mark now"


def test_hours_are_changed_and_appointments_stay(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, schedule = client_for("centre-admin-owner"), world.schedules["owner"]
    answer = client.send(f"/admin/schedules/{schedule}", **LIMITS, **HOURS)
    assert answer.status_code == 303
    [period] = network.read(lambda session: schedules.hours_of(session, schedule))
    assert (period.weekday, period.starts, period.ends) == (0, 540, 1020)


def test_work_with_appointments_to_come_is_not_ended(client_for: ClientFor, world: World) -> None:
    client = client_for("centre-admin-owner")
    schedule = f"/admin/schedules/{world.schedules['owner']}/active"
    person = f"/admin/practitioners/{world.practitioners['owner']}/active"
    for path in (schedule, person):
        assert client.send(path, active="no").status_code == 409


def test_staff_are_invited_and_set_their_password(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("centre-admin-owner")
    fields = {
        "role": "staff",
        "email": "New.Staff@example.org",
        "name": "Ivo Hartmann",
        "centre_id": world.centres["own"],
        "department_id": world.departments["owner"],
    }
    answer = client.send("/admin/accounts/new", **fields)
    assert answer.status_code == 200
    assert mails(network)[0]["to"] == "new.staff@example.org"
    link = re.search(r'value="http://localhost(/reset/[^"]+)"', answer.text)
    assert link, "without a mail server the link is shown this once"
    browser = client_for(None)
    assert browser.send(unescape(link[1]), password=NEW).status_code == 303
    signed_in = browser.post("/login", email="new.staff@example.org", password=NEW)
    assert signed_in.status_code == 303
    assert "Radiology" in browser.get("/admin/department").text


def test_with_a_mail_server_the_link_is_not_shown(
    client_for: ClientFor, world: World, settings: Settings
) -> None:
    settings.smtp_host = "mail.example.org"
    client = client_for("network-admin")
    answer = client.send(
        "/admin/accounts/new", role="network-admin", email="b@example.org", name="Bea"
    )
    assert answer.status_code == 303
    assert "/reset/" not in client.get(answer.location).text


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"role": "staff", "name": "A", "email": "a@example.org"}, 422, "Choose the centre."),
        ({"role": "staff", "name": "A", "email": "x"}, 422, "Enter an email address"),
        ({"role": "patient", "name": "A", "email": "a@example.org"}, 422, "sign up themselves"),
        ({"role": "practitioner", "email": "a@example.org"}, 422, "Choose the practitioner"),
        ({"role": "network-admin", "email": "a@example.org"}, 422, "Enter the person&#39;s name."),
        (
            {"role": "network-admin", "name": "A", "email": "staff-owner@example.com"},
            409,
            "Another account has this email",
        ),
    ],
)
def test_what_is_wrong_with_an_account_is_said(
    client_for: ClientFor, fields: dict[str, str], status: int, sentence: str
) -> None:
    answer = client_for("network-admin").send("/admin/accounts/new", **fields)
    assert answer.status_code == status
    assert sentence in answer.text


def test_an_administrator_of_a_centre_makes_its_staff_only(
    client_for: ClientFor, world: World
) -> None:
    client, own, other = (
        client_for("centre-admin-owner"),
        world.centres["own"],
        world.centres["other"],
    )
    person = {"name": "A", "email": "a@example.org"}
    for role, centre in (("network-admin", own), ("centre-admin", own), ("staff", other)):
        answer = client.send("/admin/accounts/new", role=role, centre_id=centre, **person)
        assert answer.status_code == 403, (role, centre)
    page = client.get("/admin/accounts").text
    assert "Sami Owner" in page
    assert "Sami Stranger" not in page
    assert "Nadia Ferris" not in page


def test_the_list_of_accounts_says_how_each_stands_and_is_narrowed_to_it(
    client_for: ClientFor, world: World
) -> None:
    network, centre = client_for("network-admin"), client_for("centre-admin-owner")
    network.send(
        "/admin/accounts/new",
        role="staff",
        centre_id=world.centres["own"],
        name="Newt Waiting",
        email="newt@example.org",
    )
    theirs = network.get(f"/admin/accounts?centre={world.centres['other']}").text
    assert {
        name for name in ("Sami Owner", "Sami Stranger", "Priya Stranger") if name in theirs
    } == {
        "Sami Stranger",
        "Priya Stranger",
    }
    for client in (network, centre):
        new = client.get(f"/admin/accounts?state=new&role=staff&centre={world.centres['own']}").text
        assert "Newt Waiting" in new
        assert "Not signed in yet</span>" in new
        assert 'action="/admin/accounts/' in new
    assert (
        "Sami Stranger" not in centre.get(f"/admin/accounts?centre={world.centres['other']}").text
    )
    client_for(None).send("/login", email=world.emails["staff-owner"], password=PASSWORD)
    listed = centre.get("/admin/accounts?state=active").text
    assert "Last signed in on " in listed
    assert "Newt Waiting" not in centre.get("/admin/accounts?state=inactive").text
    assert centre.get("/admin/accounts?state=odd").status_code == 200
    assert "Last signed in on " in client_for("staff-owner").get("/account").text


def test_an_account_is_switched_off_and_on(client_for: ClientFor, world: World) -> None:
    staff, admin = client_for("staff-owner"), client_for("centre-admin-owner")
    path = f"/admin/accounts/{world.accounts['staff-owner']}/active"
    assert admin.send(path, active="no").status_code == 303
    assert staff.get("/account").status_code == 303
    refused = client_for(None).send("/login", email=world.emails["staff-owner"], password=PASSWORD)
    assert refused.status_code == 401
    assert admin.send(path, active="yes").status_code == 303
    assert client_for("staff-owner").get("/account").status_code == 200


def test_nobody_locks_themselves_out(client_for: ClientFor, world: World) -> None:
    client = client_for("network-admin")
    answer = client.send(f"/admin/accounts/{world.accounts['network-admin']}/active", active="no")
    assert answer.status_code == 409


def test_files_are_imported_by_the_network(client_for: ClientFor, network: Database) -> None:
    client = client_for("network-admin")
    table = b"patient_email,patient_name,patient_phone,patient_medicare_number,password\n"
    row = b"lena@example.org,Lena Marsh,0400 000 111,3333444455551,plum kettle orbit\n"
    for rehearse, there in (("y", False), ("", True)):
        answer = client.send(
            "/admin/import",
            files=(io.BytesIO(table + row), "patient.csv"),
            time_zone="Australia/Sydney",
            **({"rehearse": rehearse} if rehearse else {}),
        )
        assert answer.status_code == 200, answer.text
        known = network.read(lambda session: identities.by_email(session, "lena@example.org"))
        assert (known is not None) is there


def test_problems_of_files_are_told_by_file_line_and_column(
    client_for: ClientFor, network: Database
) -> None:
    table = b"patient_email,patient_name,password\nnobody,Lena Marsh,x\n"
    answer = client_for("network-admin").send(
        "/admin/import",
        files=(io.BytesIO(table), "../../patient.csv"),
        time_zone="Australia/Sydney",
    )
    assert answer.status_code == 422
    assert "patient.csv" in answer.text
    assert "patient_email" in answer.text


@pytest.mark.parametrize(
    ("name", "zone"), [("virus.exe", "Australia/Sydney"), ("patient.csv", "Nowhere")]
)
def test_other_files_and_zones_are_refused(client_for: ClientFor, name: str, zone: str) -> None:
    answer = client_for("network-admin").send(
        "/admin/import", files=(io.BytesIO(b"a,b\n"), name), time_zone=zone
    )
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "names",
    [
        ("患者.csv", "預約.csv"),
        ("Patients (March).CSV", "Müller.csv"),
        ("....csv", ".csv"),
        ("CON.csv", "../../etc/Rivermouth.csv"),
        ("C:/Users/ann/Élan.csv", "x" * 90 + ".csv"),
    ],
)
def test_files_are_called_by_their_own_names(
    client_for: ClientFor, network: Database, names: tuple[str, ...]
) -> None:
    table = b"patient_email,password,shoe\nnobody,x,42\n"
    answer = client_for("network-admin").send(
        "/admin/import",
        files=[(io.BytesIO(table), name) for name in names],
        time_zone="Australia/Sydney",
    )
    assert answer.status_code == 422
    page = unescape(answer.text)
    for name in names:
        shown = name.split("/")[-1]
        assert f"<bdi>{shown}</bdi>" in page
        assert f"<bdi>{shown}: column shoe is unknown and was ignored.</bdi>" in page


def test_two_files_of_one_name_are_told_apart(client_for: ClientFor, network: Database) -> None:
    table = b"patient_email,password\nnobody,x\n"
    answer = client_for("network-admin").send(
        "/admin/import",
        files=[(io.BytesIO(table), "a/p.csv"), (io.BytesIO(table), "b/p.csv")],
        time_zone="Australia/Sydney",
    )
    assert "<bdi>p.csv (1)</bdi>" in answer.text
    assert "<bdi>p.csv (2)</bdi>" in answer.text


def test_the_page_says_which_clock_new_centres_have(
    client_for: ClientFor, network: Database
) -> None:
    table = b"centre_type,name,suburb\nHospital,Naas General Hospital,Naas\n"
    answer = client_for("network-admin").send(
        "/admin/import", files=(io.BytesIO(table), "c.csv"), time_zone="Europe/Dublin", rehearse="y"
    )
    assert "New centres on the clock of Europe/Dublin: 1" in answer.text


def test_packed_files_are_not_unpacked_by_the_page(
    client_for: ClientFor, network: Database
) -> None:
    dump = gzip.compress(b"patient_email,password\nann@example.org,plum kettle orbit\n")
    for name, status in (("p.bson.gz", 422), ("p.csv", 422), ("p.bson", 422)):
        answer = client_for("network-admin").send(
            "/admin/import", files=(io.BytesIO(dump), name), time_zone="Australia/Sydney"
        )
        assert answer.status_code == status, name
