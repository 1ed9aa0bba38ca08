"""What happens to a department's request and is published through the outbox."""

from enum import StrEnum


class Topic(StrEnum):
    """What happened to a request; the payload names the ``request`` in its ``version``, and ``by``
    which account.

    AMENDED has ``moved`` if its appointment moved too, which booking publishes as well.
    """

    MADE = "request.made"
    AMENDED = "request.amended"
    PROPOSED = "request.proposed"
    ACCEPTED = "request.accepted"
    DECLINED = "request.declined"
    CANCELLED = "request.cancelled"
    COMPLETED = "request.completed"
