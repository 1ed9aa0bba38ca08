"""Why an address is not told of events."""

from openslot.core.errors import Conflict, Invalid


class BadAddress(Invalid):
    """What was entered is no address that can be sent to."""

    code = "bad-webhook-address"
    sentence = "Enter an address such as https://example.org/hooks, without blanks or a password."


class NotSecure(Invalid):
    """Plain http, to somewhere that is not among the networks of the setting."""

    code = "webhook-not-secure"
    sentence = "Enter an address that begins with https://."


class PrivateAddress(Invalid):
    """The name leads into a network that is not open to the world."""

    code = "inner-address"
    sentence = (
        "This address leads into a private network. Enter a public one, or have the settings "
        "of this server allow the network."
    )


class UnknownEvent(Invalid):
    """An event that is never told."""

    code = "unknown-event"
    sentence = "There is no such event. Choose among: {known}."


class SwitchedOff(Conflict):
    """Nothing is sent to an address that is switched off."""

    code = "webhook-off"
    sentence = "This address is switched off. Switch it on, then send again."


class NotFetched(Invalid):
    """A document could not be read from its address."""

    code = "not-fetched"
