"""Review of emergency accesses, for administrators."""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, TextAreaField

from openslot.core.work import Work
from openslot.entrypoints.timeline import Place
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import Done, save, see_other
from openslot.entrypoints.web.timeline import place_in
from openslot.entrypoints.web.zones import own_zone
from openslot.records import reviews
from openslot.records.details import ReviewDetails
from openslot.records.models import Verdict

pages = Blueprint("admin_emergencies", __name__)

ON_A_PAGE = 50

VERDICTS = {
    Verdict.APPROPRIATE: _l("Appropriate"),
    Verdict.INAPPROPRIATE: _l("Not appropriate"),
}


class ReviewForm(Form):
    """Form for ReviewDetails."""

    missing: ClassVar[Mapping[str, object]] = {"verdict": _l("Choose whether it was appropriate.")}

    verdict = RadioField(_l("Was it appropriate?"))
    remark = TextAreaField(_l("Why?"), description=_l("For example, what the practitioner said."))


@pages.get("/admin/emergencies")
@access.allow(access.ADMINS)
def listing() -> str:
    """List the emergency accesses that wait for a review, or those that are signed."""
    is_signed, after = reading.text("state") == "signed", place_in("after")
    found = reviews.listing(
        context.work(),
        is_signed=is_signed,
        after=after.key(0) if after else None,
        limit=ON_A_PAGE + 1,
    )
    shown = found[:ON_A_PAGE]
    last = shown[-1].access if len(found) > ON_A_PAGE else None
    state = "signed" if is_signed else None
    return render_template(
        "admin/emergencies.html",
        reviewables=shown,
        is_signed=is_signed,
        after=after,
        older=str(Place(last.starts_at, 0, last.id)) if last else None,
        address=lambda after: url_for("admin_emergencies.listing", state=state, after=after),
        verdicts=VERDICTS,
        zone=own_zone(),
    )


@pages.route("/admin/emergencies/<uuid:access_id>", methods=["GET", "POST"])
@access.allow(access.ADMINS, fresh=True)
def review(access_id: UUID) -> ResponseReturnValue:
    """Show an emergency access, and sign it."""
    reviewable = reviews.to_review(context.work(), access_id)
    form = ReviewForm()
    form.verdict.choices = [(verdict.value, str(words)) for verdict, words in VERDICTS.items()]

    def sign(work: Work, details: ReviewDetails) -> None:
        reviews.review(work, access_id, details)

    status = save(form, ReviewDetails, sign)
    if isinstance(status, Done):
        return see_other(url_for("admin_emergencies.listing"), _("Your review is signed."))
    page = render_template(
        "admin/emergency_review.html",
        form=form,
        reviewable=reviewable,
        verdicts=VERDICTS,
        zone=own_zone(),
    )
    return page, status
