"""The tables of a database as it has them itself, so that two databases can be held against each other."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, create_engine, text

_OF_POSTGRESQL = """
    SELECT 'column', relation.relname, attribute.attname, format_type(atttypid, atttypmod),
        attnotnull, attidentity::text, attgenerated::text, pg_get_expr(adbin, adrelid), collname
    FROM pg_attribute attribute JOIN pg_class relation ON relation.oid = attrelid AND relkind = 'r'
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE relnamespace = current_schema()::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid),
        NULL, NULL, NULL, NULL, NULL
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
    UNION ALL
    SELECT 'index', tablename, indexname, replace(indexdef, schemaname || '.', ''),
        NULL, NULL, NULL, NULL, NULL
    FROM pg_indexes WHERE schemaname = current_schema()
"""


def structure(url: str) -> set[str]:
    """Each column, constraint and index, said in one line."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            return set(_of_sqlite(connection) if engine.dialect.name == "sqlite" else _of_server(connection))
    finally:
        engine.dispose()


def _of_server(connection: Connection) -> Iterator[str]:
    for row in connection.execute(text(_OF_POSTGRESQL)):
        yield " ".join(str(one) for one in row if one is not None)


def _of_sqlite(connection: Connection) -> Iterator[str]:
    found = connection.execute(text("SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    for kind, name, sql in found.all():
        if kind == "index":
            yield sql
            continue
        yield from (f"{name}: {one}" for one in re.findall(r"CONSTRAINT .*?(?=,\s*\n|\n\))", sql))
        for column in connection.execute(text(f'PRAGMA table_xinfo("{name}")')).all():
            yield f"{name} {column[1:]}"
