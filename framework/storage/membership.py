"""Membership: a SELECT of a filtered class finds its members alone, however it is written."""

from typing import Any

from sqlalchemy import ColumnElement, MetaData, event, literal_column, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from framework.model.record import Record, is_filtered
from framework.plan.lens import Lens
from framework.plan.mistakes import UndeclaredRecord
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.storage.of_members import with_members
from framework.storage.remembered import Remembered


class Memberships:
    """What is added to the SELECTs of a session; `schema` is where the database keeps the tables."""

    def __init__(self, plan: Plan, schema: str) -> None:
        self._plan, self._schema = plan, schema
        self._said = Remembered[None]()  # forms of statements to which options say all
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
            state.statement = self._with_all(state.statement).options(*self._options.values())

    def _with_all(self, statement: Any) -> Any:
        """What has to be said beside the options; of most forms nothing has, and that is remembered."""
        key = statement._generate_cache_key()
        if key is not None and key.key in self._said:
            return statement
        told = with_members(statement, self._is_member)
        if told is statement and key is not None:
            self._said.remember(key.key, None)
        return told

    def option(self, shape: Shape, lens: Lens, entity: type[Record]) -> Any:
        """What makes a SELECT of `entity` find members alone."""
        mapped: Any = entity
        return with_loader_criteria(entity, mapped.id.in_(self._ids(shape, lens)), include_aliases=True)

    def _is_member(self, view: Any) -> ColumnElement[bool]:
        shape, lens = self._plan.home(view.class_)
        assert shape is not None, "it was looked for"
        assert lens is not None, "it is a view"
        found: ColumnElement[bool] = view.entity.id.in_(self._ids(shape, lens))
        return found

    def _ids(self, shape: Shape, lens: Lens) -> Any:
        """Within, the table goes by its full name, as query policies may shadow the short one."""
        real = shape.table.to_metadata(
            MetaData(), schema=self._schema, referred_schema_fn=lambda *_: self._schema
        )
        table = real.alias("members")
        member: ColumnElement[bool] = literal_column(f'members."{lens.column}"')
        return select(table.c.id).where(member)
