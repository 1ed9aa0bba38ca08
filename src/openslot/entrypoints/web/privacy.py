"""The privacy page: what is stored, why, for how long, and who reads it."""

from flask import Blueprint, render_template

from openslot.entrypoints.web import access, context

pages = Blueprint("privacy", __name__)


@pages.get("/privacy")
@access.allow(access.ANYONE)
def show() -> str:
    """Explain what is done with personal data, by the settings of this network."""
    return render_template("privacy.html", settings=context.settings())
