"""File import for network administrators: all or nothing is written."""

import tempfile
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import FileStorage
from wtforms import MultipleFileField, StringField, SubmitField

from openslot.core import clock
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD
from openslot.entrypoints.web.zones import zone_names
from openslot.importers.commands import import_all
from openslot.importers.origins import DOCUMENTS, TABLES, Origin
from openslot.importers.outcome import Outcome
from openslot.importers.problems import ImportRefused, printable
from openslot.importers.progress import Silent

pages = Blueprint("admin_import", __name__)

KINDS = (*TABLES, ".txt", *DOCUMENTS, ".bson")
"""What a page takes; packed dumps may be large when unpacked, and are for the command."""

LONGEST_NAME = 100
MOST_FILES = 20
PROBLEMS_SHOWN = 200


class ImportForm(Form):
    """Files, and the time zone of new centres."""

    files = MultipleFileField(_l("Files"))
    time_zone = StringField(_l("Time zone of new centres"))
    rehearse = SubmitField(_l("Check the files"))


@pages.route("/admin/import", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def upload() -> ResponseReturnValue:
    """Import files, and show the outcome or every problem with its file, line and column."""
    form = ImportForm(time_zone=context.settings().time_zone)
    if request.method == "GET":
        return _page(form)
    files = _readable_files(form)
    if form.time_zone.data not in zone_names():
        form.refuse(_("Choose a time zone such as Australia/Sydney."), "time_zone")
    if form.errors or not files:
        return _page(form, status=NOT_UNDERSTOOD)
    try:
        outcome = _import(files, form.time_zone.data, rehearse=form.rehearse.data)
    except ImportRefused as error:
        return _page(form, refused=error, status=status_of(error))
    return _page(form, outcome=outcome)


def _readable_files(form: ImportForm) -> list[FileStorage]:
    """Return the readable files; problems with the choice are added to the form."""
    files = [file for file in request.files.getlist("files") if file.filename]
    if not files or len(files) > MOST_FILES:
        form.refuse(_("Choose one to %(count)s files.", count=MOST_FILES), "files")
    for file in files:
        if not (file.filename or "").lower().endswith(KINDS):
            form.refuse(_("Choose CSV, JSON or BSON files only."), "files")
            break
    return files


def _import(files: Sequence[FileStorage], zone: str, *, rehearse: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return import_all(
            context.database(),
            context.settings(),
            [_saved_file(file, Path(folder) / str(place)) for place, file in enumerate(files)],
            zone=zone,
            now=clock.now,
            progress=Silent(),
            rehearse=rehearse,
        )


def _saved_file(file: FileStorage, path: Path) -> Origin:
    """Save a file under a name of ours; reports call it by its own name, without folders."""
    file.save(path)
    name = PureWindowsPath(file.filename or "").name
    return Origin(path, name=printable(name)[-LONGEST_NAME:])


def _page(
    form: ImportForm,
    *,
    outcome: Outcome | None = None,
    refused: ImportRefused | None = None,
    status: int = 200,
) -> tuple[str, int]:
    page = render_template(
        "admin/import.html",
        form=form,
        zone_names=zone_names(),
        outcome=outcome,
        refused=sentence_of(refused) if refused else None,
        problems=refused.problems[:PROBLEMS_SHOWN] if refused else (),
        notices=outcome.notices if outcome else refused.notices if refused else (),
        kinds=",".join(KINDS),
    )
    return page, status
