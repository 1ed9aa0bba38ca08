"""Operations on programs that act for people."""

import uuid
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.core.fields import Line, OptionalLine
from openslot.directory.rules import may_run_network
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.identity import assertions, programs, queries
from openslot.identity.models import ApiClient
from openslot.identity.programs import LONGEST, ProgramDetails

service = Service("programs", "Programs", "Programs that people let act for them.")

PATH = "/api/v1/programs"
ONE = f"{PATH}/<uuid:program_id>"

Address = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class ProgramGiven(Given):
    """What is registered of a program."""

    name: Line
    operator: Annotated[OptionalLine, Field(description="Who runs it.")] = None
    redirects: Annotated[
        list[Address],
        Field(min_length=1, max_length=10, description="Addresses that people return to."),
    ]
    launch_url: Annotated[
        Address | None, Field(description="Address that opens it for a patient.")
    ] = None
    scopes: Annotated[list[str], Field(min_length=1, max_length=100)]

    def details(self) -> ProgramDetails:
        """Return the details, checked."""
        return ProgramDetails(
            name=self.name,
            operator=self.operator,
            redirects=tuple(self.redirects),
            launch_url=self.launch_url,
            scopes=tuple(self.scopes),
        )


class NewProgram(ProgramGiven):
    """A program to register; `secret` if it runs on a server, which can keep one."""

    secret: bool = False


class Program(Shown):
    """A program; its id is the `client_id`."""

    id: UUID
    name: str
    operator: str | None
    redirects: list[str]
    launch_url: str | None
    scopes: list[str]
    public: Annotated[bool, Field(description="True if it cannot prove who it is.")]
    created: AwareDatetime


class ProgramWithSecret(Program):
    """A program, with its secret if that is new; the secret is not shown again."""

    secret: str | None


class ProgramList(Listing[Program]):
    """All programs."""


@service.operation("GET", PATH, scope="manage", rule=Rule.PROGRAMS, answer=ProgramList)
def list_programs() -> ProgramList:
    """List the programs, by name."""
    may_run_network(bearer.actor())
    return ProgramList(items=[_program(row) for row in queries.programs(reader())], next=None)


@service.operation(
    "POST",
    PATH,
    scope="manage",
    rule=Rule.PROGRAMS,
    body=NewProgram,
    answer=ProgramWithSecret,
    status=201,
    secret=True,
)
def create_program(body: NewProgram) -> ProgramWithSecret:
    """Register a program."""
    may_run_network(bearer.actor())
    row, secret = bearer.write(programs.create_program, body.details(), has_secret=body.secret)
    return ProgramWithSecret(**_program(row).model_dump(), secret=secret)


@service.operation(
    "PUT", ONE, scope="manage", rule=Rule.PROGRAMS, body=ProgramGiven, answer=Program
)
def change_program(program_id: uuid.UUID, body: ProgramGiven) -> Program:
    """Replace what is registered of a program; its tokens have no more scopes from then on."""
    may_run_network(bearer.actor())
    return _program(bearer.write(programs.change_program, program_id, body.details()))


@service.operation("DELETE", ONE, scope="manage", rule=Rule.PROGRAMS, status=204)
def stop_program(program_id: uuid.UUID) -> None:
    """Stop a program for good, with its tokens."""
    may_run_network(bearer.actor())
    programs.program(reader(), program_id)
    bearer.write(assertions.revoke_client, program_id)


@service.operation(
    "POST",
    f"{ONE}/secret",
    scope="manage",
    rule=Rule.PROGRAMS,
    answer=ProgramWithSecret,
    secret=True,
)
def new_secret(program_id: uuid.UUID) -> ProgramWithSecret:
    """Give a program another secret; the one that it has stops working."""
    may_run_network(bearer.actor())
    secret = bearer.write(programs.new_secret, program_id)
    row = programs.program(reader(), program_id)
    return ProgramWithSecret(**_program(row).model_dump(), secret=secret)


@service.operation("DELETE", f"{ONE}/tokens", scope="manage", rule=Rule.PROGRAMS, status=204)
def end_tokens(program_id: uuid.UUID) -> None:
    """End all tokens of a program; it asks each person again."""
    may_run_network(bearer.actor())
    bearer.write(programs.end_access, program_id)


def _program(row: ApiClient) -> Program:
    return Program(
        id=row.id,
        name=row.name,
        operator=row.operator,
        redirects=(row.redirects or "").split(),
        launch_url=row.launch_url,
        scopes=row.scopes.split(),
        public=row.is_public,
        created=row.created_at,
    )
