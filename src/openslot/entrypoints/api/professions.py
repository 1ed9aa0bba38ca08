"""Operations on professions."""

from openslot.core import keyset
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import ProfessionDetails
from openslot.directory.models import Profession as ProfessionRow
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.usecases.deactivation import deactivate_profession

service = Service("professions", "Professions", "What practitioners are.")

PATH = "/api/v1/professions"
ONE = f"{PATH}/<int:profession_id>"


class Profession(Shown):
    """A profession. Everything else names it by its `code`, which never changes; `name` is for
    people."""

    id: int
    code: str
    name: str
    position: int
    needs_referral: bool
    may_refer: bool
    other_names: str | None
    search_words: str | None
    hl7_code: str | None
    hl7_display: str | None
    snomed_code: str | None
    snomed_display: str | None
    active: bool


class ProfessionList(Listing[Profession]):
    """A page of professions, in the order of lists."""


ProfessionChange = Partial.of(ProfessionDetails, "ProfessionChange", "Changes to a profession.")


@service.operation(
    "GET", PATH, scope="directory:read", rule=Rule.PUBLIC, query=Paged, answer=ProfessionList
)
def list_professions(query: Paged) -> Listing[Profession]:
    """List the professions of the network."""
    after = read_cursor(query.after, int, str, int)
    rows = keyset.sort_after(queries.professions(reader()), _key, after)
    return page(ProfessionList, rows, query, _shown, _key)


@service.operation("GET", ONE, scope="directory:read", rule=Rule.PUBLIC, answer=Profession)
def get_profession(profession_id: int) -> Profession:
    """Read a profession."""
    return _shown(queries.profession(reader(), profession_id))


@service.operation(
    "POST",
    PATH,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=ProfessionDetails,
    answer=Profession,
    status=201,
    may_fail=(409,),
    headers={"Location": "The address of the new profession."},
)
def create_profession(body: ProfessionDetails) -> Answer:
    """Add a profession, as a network administrator; its name becomes its code too."""
    row = bearer.write(commands.create_profession, body)
    return Answer(_shown(row), headers={"Location": f"{PATH}/{row.id}"})


@service.operation(
    "PATCH",
    ONE,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=ProfessionChange,
    answer=Profession,
    may_fail=(409,),
)
def change_profession(profession_id: int, body: Partial) -> Profession:
    """Change a profession; its code stays."""

    def save(work: Work) -> ProfessionRow:
        current = queries.profession(work.session, profession_id)
        details = merged(ProfessionDetails, current, body)
        return commands.change_profession(work, profession_id, details)

    return _shown(bearer.write(save))


@service.operation(
    "DELETE", ONE, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def remove_profession(profession_id: int) -> None:
    """Deactivate a profession; refused while practitioners have it or services need it."""
    bearer.write(deactivate_profession, profession_id, active=False)


def _key(row: ProfessionRow) -> tuple[int, str, int]:
    return row.position, row.name, row.id


def _shown(row: ProfessionRow) -> Profession:
    return Profession.model_validate(row, from_attributes=True)
