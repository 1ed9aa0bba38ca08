"""All tables in one place, for migrations and for tests that need an empty schema."""

from openslot.booking import models as booking
from openslot.core import audit, facts, idempotency, limits, locks, outbox
from openslot.core.tables import Base
from openslot.department_requests import models as requests
from openslot.directory import models as directory
from openslot.exports import models as exports
from openslot.feedback import models as feedback
from openslot.identity import models as identity
from openslot.notifications import models as notifications
from openslot.questions import models as questions
from openslot.records import models as records
from openslot.referrals import models as referrals
from openslot.resources import models as resources
from openslot.schedules import models as schedules
from openslot.waiting_list import models as offers
from openslot.webhooks import models as webhooks

TABLES = (
    audit,
    booking,
    directory,
    exports,
    facts,
    feedback,
    idempotency,
    identity,
    limits,
    notifications,
    offers,
    outbox,
    questions,
    records,
    referrals,
    requests,
    resources,
    schedules,
    locks,
    webhooks,
)
"""The modules whose import fills :data:`metadata`."""

metadata = Base.metadata
