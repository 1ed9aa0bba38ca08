"""Rule: entry points ask for rows by who asks. What they ask otherwise stands here, with what
bounds it; a new query about people without an actor fails."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[2] / "src" / "openslot"
ENTRIES = ("api", "fhir", "web")
FEATURES = (
    "booking",
    "desk",
    "directory",
    "exports",
    "feedback",
    "identity",
    "notifications",
    "waiting_list",
    "records",
    "referrals",
    "reports",
    "resources",
    "department_requests",
    "usecases",
)
"""Those that keep rows about people; schedules and what is free are public."""

BOUND = {
    "public: no row about a patient": """
        booking.slots.running desk.queries.numbers usecases.doctors.doctor
        usecases.doctors.doctors usecases.doctors.schedule_at
        directory.queries.centre directory.queries.centres
        directory.queries.department directory.queries.departments
        directory.queries.departments_of_all directory.queries.figures directory.queries.listed
        directory.queries.practitioner directory.queries.practitioners directory.queries.profession
        directory.queries.profession_called directory.queries.professions directory.queries.service
        directory.queries.services directory.queries.services_by_id
        directory.queries.services_for_practitioners directory.queries.services_to_offer
        directory.queries.services_where
        directory.changes.queries.version feedback.queries.averages
        feedback.queries.given feedback.queries.summary referrals.queries.areas
        referrals.queries.specialist referrals.queries.specialists
        department_requests.queries.consultations department_requests.commands.place_for
        department_requests.queries.services_in resources.queries.centre_of
        resources.queries.group resources.queries.groups resources.queries.needs
        resources.queries.needs_shown resources.queries.room_name resources.queries.rooms""",
    "one's own: the id is that of the actor, or of whom it cares for": """
        exports.bulk.asked_by exports.bulk.begin exports.bulk.end exports.bulk.note_read
        directory.queries.dependents_of directory.queries.staff_request directory.queries.patient_of
        directory.queries.practitioner_of directory.queries.staff_member
        feedback.queries.favourites feedback.queries.liked feedback.queries.rating_by
        identity.authorization.is_agreed identity.authorization.place
        identity.credentials.credentials_of identity.queries.identities_of
        identity.queries.identity_by_id identity.queries.by_id notifications.feeds.feed_of
        identity.passkeys.ask_new identity.queries.factors_of
        notifications.preferences.preferences notifications.preferences.wants
        notifications.replies.has_stopped
        waiting_list.queries.open_offers waiting_list.search.entries_for
        records.queries.self_made
        records.queries.appointments_with referrals.queries.waiting_for""",
    "checked first: the actor knows the patient, history, appointment or request of the id": """
        booking.queries.appointment desk.queries.machines
        directory.queries.carer_of directory.queries.dependent directory.merges.queries.merged_into
        directory.queries.patient usecases.growing_up.ends_on
        exports.history.looks exports.history.whole notifications.recipients.patient_or_carer
        waiting_list.queries.open_for_appointment waiting_list.queries.open_of_absences
        waiting_list.queries.open_of_entries waiting_list.queries.decided_of
        waiting_list.search.centres_of
        waiting_list.search.entries_with records.queries.emergencies
        records.queries.allergies
        records.queries.entries records.queries.entry records.queries.of_appointment
        records.queries.appointments referrals.queries.covers_follow_ups
        referrals.queries.referral_to referrals.queries.of_patient
        department_requests.queries.of_appointment""",
    "conditions that are made of the actor": """
        booking.sessions.queries.page referrals.queries.count referrals.queries.referrals
        reports.queries.offers department_requests.queries.closed department_requests.queries.count
        department_requests.queries.figures department_requests.queries.figures_at
        department_requests.queries.newest
        department_requests.queries.page""",
    "an administrator's": """
        directory.queries.further_desks directory.queries.names
        directory.merges.queries.merge directory.merges.queries.merges_of
        identity.commands.locks identity.credentials.identities_of reports.oversight.things
        directory.queries.waiting_staff directory.queries.without_account
        identity.programs.program identity.queries.accounts identity.queries.by_ids
        identity.queries.keys identity.queries.programs identity.queries.states_of""",
    "proof: whoever holds the password, link, token or assertion": """
        booking.visitors.hold_of booking.visitors.release
        directory.commands.actor_of directory.dependents.invited
        directory.registration.is_waiting
        directory.registration.register identity.assertions.accept identity.assertions.client_named
        identity.assertions.grant identity.authorization.client_of
        identity.authorization.describe identity.authorization.revoke
        identity.signing_keys.is_due identity.signing_keys.public_keys identity.signing_keys.sign
        identity.id_tokens.signed_out identity.linked.end_signed_out
        identity.linked.identity_of identity.linked.link
        identity.sessions.account_of_token identity.sessions.end_session identity.sessions.ends
        identity.keys.prove identity.sessions.is_proved identity.sessions.renew_session
        identity.sessions.touch_session
        identity.links.account_to_change identity.links.account_to_confirm
        identity.links.account_to_reset identity.pending.pending_sign_up directory.own.take_email
        identity.commands.note_sign_in identity.factors.must_enrol
        identity.links.account_half_signed_in identity.passkeys.ask identity.passkeys.use
        identity.queries.by_email notifications.feeds.read_feed
        notifications.preferences.account_to_stop waiting_list.answers.by_link
        notifications.replies.refuse notifications.replies.take""",
    "written, not read; recorded with who did it": """
        directory.staff.record_link identity.commands.confirm_email
        directory.registration.check_place
        identity.commands.set_password identity.credentials.end_all identity.credentials.end_one
        identity.assertions.revoke_client identity.keys.revoke_key
        identity.pending.begin_sign_up identity.programs.change_program
        identity.programs.create_program identity.programs.end_access
        identity.programs.new_secret identity.signing_keys.keep_key
        identity.pending.end_sign_ups notifications.feeds.end_feed notifications.feeds.make_feed
        notifications.preferences.choose records.access.note_refusal
        notifications.dispatch.queue_account_mail notifications.dispatch.queue_mail""",
}


class Function(NamedTuple):
    """A function of a feature, with the features that its module names."""

    node: ast.FunctionDef
    module: str
    names: dict[str, str]

    def takes(self, name: str) -> bool:
        arguments = self.node.args
        return name in {one.arg for one in (*arguments.args, *arguments.kwonlyargs)}

    def reads_actor(self) -> bool:
        """Whether it reads ``work.actor`` itself."""
        return any(
            isinstance(node, ast.Attribute) and ast.unparse(node) == "work.actor"
            for node in ast.walk(self.node)
        )

    def hands_work_to(self) -> Iterator[str]:
        """The functions that it calls with its work."""
        for node in ast.walk(self.node):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.args[0]) == "work":
                module, _, name = ast.unparse(node.func).rpartition(".")
                known = self.names.get(module or name, self.module)
                yield f"{known}.{name}" if module or known == self.module else known


def functions() -> dict[str, Function]:
    found = {}
    for feature in FEATURES:
        for file in (SOURCE / feature).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            module = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
            names = dict(_imported(tree))
            for node in tree.body:
                if isinstance(node, ast.FunctionDef):
                    found[f"{module}.{node.name}"] = Function(node, module, names)
    return found


def without_actor() -> set[str]:
    """The public functions of features that take a session or work, and never ask who asks:
    neither themselves nor in what they hand their work to."""
    known = functions()

    def asks(name: str, seen: frozenset[str] = frozenset()) -> bool:
        if name in seen or name not in known:
            return False
        function = known[name]
        return (
            function.takes("actor")
            or function.reads_actor()
            or any(asks(callee, seen | {name}) for callee in function.hands_work_to())
        )

    return {
        name
        for name, function in known.items()
        if not function.node.name.startswith("_")
        and (function.takes("session") or function.takes("work"))
        and not asks(name)
    }


def called() -> Iterator[tuple[str, str]]:
    """What entry points for people and programs name of the features, and where."""
    files = [*(SOURCE / "entrypoints").glob("*.py")]
    files += [file for one in ENTRIES for file in (SOURCE / "entrypoints" / one).glob("*.py")]
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = dict(_imported(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in names:
                yield names[node.id], f"{file.name}:{node.lineno}"
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = names.get(node.value.id)
                if module is not None:
                    yield f"{module}.{node.attr}", f"{file.name}:{node.lineno}"


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("openslot."):
            for one in node.names:
                known = f"{node.module}.{one.name}".removeprefix("openslot.")
                yield one.asname or one.name, known


def test_rows_are_asked_for_by_who_asks() -> None:
    bound = {name for names in BOUND.values() for name in names.split()}
    queries = without_actor()
    places: dict[str, list[str]] = {}
    for name, where in called():
        if name in queries:
            places.setdefault(name, []).append(where)
    assert {name: where for name, where in places.items() if name not in bound} == {}
    assert bound - places.keys() == set(), "no longer asked: take it out of the list"


def test_appointments_are_read_by_who_asks() -> None:
    raw = {"booking.queries.appointments", "booking.queries.count"}
    assert [(name, where) for name, where in called() if name in raw] == []
