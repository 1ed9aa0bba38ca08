"""Print SQL that has Citus spread the schemas of networks over its nodes (schema-based sharding).

python scripts/citus_schemas.py | psql DATABASE     as a user who may create them

Run it again after networks were created: a schema that is spread already is left as it is. It reads
OPENSLOT_TENANTS, as OpenSlot does.
"""

from openslot.core import schemas, tenants
from openslot.core.config import Settings


def statements(installation: Settings) -> list[str]:
    """The statements for the networks that have a schema of their own."""
    roles = {
        name: schemas.schema_of(name)
        for name, settings in tenants.read(installation).settings.items()
        if schemas.is_of(settings.url, schemas.schema_of(name))
    }
    return [
        f"SELECT citus_schema_distribute('{schema}') WHERE NOT EXISTS "
        f"(SELECT FROM citus_schemas WHERE schema_name = '{schema}'::regnamespace);"
        for schema in roles.values()
    ]


if __name__ == "__main__":
    print("\n".join(statements(Settings())))
