"""Sends text messages, by the provider of the settings."""

import re
from typing import Protocol

import structlog

from openslot.core.outbox import Left, State
from openslot.entrypoints.worker.webhooks import Task
from openslot.notifications import dispatch, replies, sms
from openslot.notifications.delivery import Refused, Unreachable
from openslot.notifications.sms import SmsMessage
from openslot.webhooks import sending
from openslot.webhooks.sending import Answer

OWN_NETWORKS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "::1/128",
    "fc00::/7",
)
"""Networks with gateways of one's own, over plain HTTP too: whoever runs this server has entered
the address. Anything else is reached by HTTPS only."""

PASSES = frozenset({401, 407, 408, 425, 429})
"""Answers to requests that may be taken later: until a password is put right, or there is room."""

_CODE = re.compile(r'"code": ?"?(\d{3,6})\b')
"""A number for what was wrong, as Twilio and others name it."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Job(Task, Protocol):
    """A leased message that can be marked apart from other work."""

    def finish(self, state: State, *, left: Left | None = None) -> None:
        """Mark the message in its own transaction; ``left`` is what stays of its payload."""


def deliver(job: Job) -> None:
    """Send a text message, or keep it for an administrator if there is no provider any more.

    One about something that has changed since is not sent. Raises Refused where the provider will
    never take it, and Unreachable for what may pass.
    """
    if not job.settings.sends_sms:
        job.finish(State.KEPT)
        return
    packed = job.message.payload
    message = SmsMessage.unpack(packed)
    if job.database.read(lambda session: dispatch.outdated(job.work(session), [packed]))[0]:
        log.info("sms.outdated", message=str(job.message.id))
    # Noted before it is sent: the reply may be faster than we.
    elif job.database.run(lambda session: replies.may_send(job.work(session), message)):
        _send(message, job)
    else:
        log.info("sms.stopped", message=str(job.message.id))
    job.finish(State.DONE, left=lambda packed: {"to": packed["to"]})


def _send(message: SmsMessage, job: Job) -> None:
    request = sms.request_of(message, job.settings)
    answer = sending.post(request.url, request.body, request.headers, OWN_NETWORKS)
    if not answer.is_good:
        raise _problem(answer)


def _problem(answer: Answer) -> Exception:
    """Return why a message was not taken, in our words: the provider's may quote the number."""
    if answer.status is None:
        return Unreachable(f"the SMS provider: {answer.words}")
    code = _CODE.search(answer.words)
    words = f"the SMS provider answered {answer.status}" + (f", code {code[1]}" if code else "")
    is_final = 300 <= answer.status < 500 and answer.status not in PASSES
    return Refused(words) if is_final else Unreachable(words)
