"""Why an address is not told of events."""

from openslot.core.errors import Conflict, Invalid


class BadAddress(Invalid):
    """Enter an address such as https://example.org/path, without blanks or a password."""

    code = "bad-webhook-address"


class NotSecure(Invalid):
    """Enter an address that begins with https://.

    Plain http is refused outside the networks that the settings allow.
    """

    code = "webhook-not-secure"


class PrivateAddress(Invalid):
    """This address leads into a private network. Enter a public one, or have the settings of this
    server allow the network."""


class UnknownEvent(Invalid):
    """There is no such event. Choose among: {known}."""


class SwitchedOff(Conflict):
    """This address is switched off. Switch it on, then send again."""

    code = "webhook-off"


class NotFetched(Invalid):
    """A document could not be read from its address; whoever raises it says why."""

    sentence = Invalid.sentence
