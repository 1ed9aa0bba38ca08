"""All tables in one place, for migrations and for tests that need an empty schema."""

from openslot.booking import models as booking
from openslot.core import audit, outbox
from openslot.core.db import Base
from openslot.directory import models as directory
from openslot.feedback import models as feedback
from openslot.identity import models as identity
from openslot.schedules import models as schedules

TABLES = (audit, booking, directory, feedback, identity, outbox, schedules)
"""The modules whose import fills :data:`metadata`."""

metadata = Base.metadata
