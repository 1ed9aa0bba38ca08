"""The one way in which bodies in JSON are read, whichever entry point they are for."""

from typing import Any, NoReturn

from flask.json.provider import DefaultJSONProvider


class StrictJson(DefaultJSONProvider):
    """JSON as RFC 8259 has it; whatever else comes is a ValueError, which requests answer
    with 400."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value. ValueError for what is no JSON, for NaN and the infinities, which only
        Python writes, and for what is nested more deeply than can be followed."""
        try:
            return super().loads(s, parse_constant=_refuse, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
