"""Natural keys: insert a row unless one with its unique values is there, and find that one."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, select, true

from framework.plan.uniques import UniquePlan
from framework.storage.codec import Parameters
from framework.storage.statement import Statement
from framework.storage.upsert import upserting

if TYPE_CHECKING:
    from framework.storage.statements import TableStatements


class NaturalKey:
    """The statements of one unique key: make a record, find it, and look at it without a lock."""

    def __init__(self, statements: "TableStatements", unique: UniquePlan) -> None:
        table, dialect = statements.table, statements.dialect
        in_part: Any = unique.where and literal_column(_in_part(unique.where(table.columns), dialect))
        columns = [table.c[name] for name in unique.columns]
        row: dict[str, Any] = {name: bindparam(name) for name in statements.stored}
        inserted = upserting(dialect)(table).values(row)
        inserted = inserted.on_conflict_do_nothing(index_elements=columns, index_where=in_part)
        insertion = Statement(inserted, dialect)
        self.insertion = insertion.sql, Parameters(insertion.names, statements.codec.encoder)
        found = select(*statements.columns).where(
            *(column == bindparam(column.name) for column in columns), true() if in_part is None else in_part
        )
        selection = Statement(found.with_for_update(key_share=True), dialect)
        self.selection = selection.sql, Parameters(selection.names, statements.codec.encoder)
        self.look = Statement(found, dialect).sql, self.selection[1]


def _in_part(where: Any, dialect: Any) -> str:
    """The condition as an index has it: a database recognizes it with its values written out."""
    compiler = dialect.statement_compiler(dialect, None)
    sql: str = compiler.process(where, include_table=False, literal_binds=True)
    return sql
