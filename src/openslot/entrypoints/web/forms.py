"""WTForms that only carry what was typed; the rules are in the features' details."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from flask import after_this_request
from flask_wtf import FlaskForm
from pydantic import ValidationError
from werkzeug.wrappers import Response
from wtforms import Field, PasswordField
from wtforms.widgets import TextInput

from openslot.core.errors import DomainError
from openslot.core.fields import Details, unsaid
from openslot.directory.editing import MAY_CHANGE, Editor
from openslot.entrypoints.failures import headers_of
from openslot.entrypoints.problems import sentence_of

D = TypeVar("D", bound=Details)


class CodeField(PasswordField):  # type: ignore[misc] # the library carries no types
    """A code that works once: shown while it is typed, and kept as little as a password is."""

    widget = TextInput()


class Form(FlaskForm):  # type: ignore[misc] # the library carries no types
    """Form with a CSRF token, whose errors come from the domain."""

    missing: ClassVar[Mapping[str, object]] = {}
    """Sentences for fields that are left empty, by field name."""

    def details(
        self, kind: type[D], say: Callable[[str, str, Mapping[str, Any]], str], **more: Any
    ) -> D | None:
        """Return the typed values as checked details; None with the errors beside the fields.

        ``say`` gets the name of a field, the sentence before translation and what fills its places.
        """
        values = {
            name: self[name].data
            for name in kind.model_fields
            if name in self and self[name].data is not None
        }
        try:
            return kind(**{**values, **more})
        except ValidationError as error:
            for name, sentence, params in unsaid(error):
                self.refuse(say(name, sentence, params), name)
            return None

    def leave_out(self, kind: type[Details], editor: Editor, known: object) -> dict[str, Any]:
        """Remove the fields that the editor may not change, and return their current values.

        Values sent for them anyway are ignored.
        """
        own = MAY_CHANGE[kind][editor]
        for name in kind.model_fields.keys() - own:
            if name in self:
                del self[name]
        return {name: getattr(known, name) for name in kind.model_fields if name not in self}

    def refuse(self, problem: DomainError | str, field: str | None = None) -> None:
        """Show a refusal beside the field it names, else above the form.

        The response carries Retry-After if the refusal has one.
        """
        if isinstance(problem, DomainError):
            _say_when_to_try_again(problem)
        sentence = problem if isinstance(problem, str) else sentence_of(problem)
        name = field or (problem.field if isinstance(problem, DomainError) else None)
        if name in self:
            target: Field = self[name]
            target.errors = [*target.errors, sentence]
        else:
            self.form_errors.append(sentence)


def _say_when_to_try_again(refusal: DomainError) -> None:
    def add(response: Response) -> Response:
        response.headers.update(headers_of(refusal))
        return response

    after_this_request(add)
