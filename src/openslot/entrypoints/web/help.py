"""Pages about the pages: help, and how far everybody can use them."""

from flask import Blueprint, render_template

from openslot.entrypoints.web import access, context

pages = Blueprint("help", __name__)


@pages.get("/help")
@access.allow(access.ANYONE)
def show() -> str:
    """Answer what people ask most, by the settings of this network."""
    return render_template("help.html", settings=context.settings())


@pages.get("/accessibility")
@access.allow(access.ANYONE)
def accessibility() -> str:
    """Say what the pages keep to, what is known not to work, and whom to tell."""
    return render_template("accessibility.html", settings=context.settings())
