"""Membership: a SELECT of a filtered class finds its members alone, however it is written."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, MetaData, Select, event, literal_column, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql import visitors

from framework.model.record import Record, is_filtered
from framework.plan.lens import Lens
from framework.plan.mistakes import UndeclaredRecord
from framework.plan.plan import Plan
from framework.plan.shape import Shape


class Memberships:
    """What is added to the SELECTs of a session; `schema` is where the database keeps the tables."""

    def __init__(self, plan: Plan, schema: str) -> None:
        self._schema = schema
        self._options = {
            model: self.option(shape, lens, model)
            for shape in plan.shapes.values()
            for model, lens in shape.views.items()
            if isinstance(model, type) and issubclass(model, shape.model)
        }

    def show(self, session: Session) -> None:
        """Let every SELECT that the session executes from now on see members."""
        event.listen(session, "do_orm_execute", self._shown)

    def _shown(self, state: ORMExecuteState) -> None:
        if not state.is_select:
            return
        for mapper in state.all_mappers:
            if is_filtered(mapper.class_) and mapper.class_ not in self._options:
                raise UndeclaredRecord(place="This query", model=mapper.class_.__name__)
        if self._options:
            state.statement = state.statement.options(*self._options.values())

    def option(self, shape: Shape, lens: Lens, entity: type[Record]) -> Any:
        """What makes a SELECT of `entity` find members alone.

        Within, the table goes by its full name, as query policies may shadow the short one.
        """
        real = shape.table.to_metadata(
            MetaData(), schema=self._schema, referred_schema_fn=lambda *_: self._schema
        )
        table = real.alias("members")
        member: ColumnElement[bool] = literal_column(f'members."{lens.column}"')
        mapped: Any = entity
        return with_loader_criteria(
            entity, mapped.id.in_(select(table.c.id).where(member)), include_aliases=True
        )


def views_in(criterion: ColumnElement[Any]) -> Iterator[tuple[type[Record], bool]]:
    """The filtered classes that a criterion speaks of, and whether within a SELECT of its own.

    Where no session executes it, nothing makes their members of the records that it finds.
    """
    for element, is_within in _elements(criterion):
        entity = getattr(element, "_annotations", {}).get("parententity")
        if entity is not None and is_filtered(entity.mapper.class_):
            yield entity.mapper.class_, is_within


def _elements(criterion: ColumnElement[Any]) -> Iterator[tuple[Any, bool]]:
    for element in visitors.iterate(criterion):
        yield element, False
        if isinstance(element, Select):
            yield from ((one, True) for one in visitors.iterate(element))
