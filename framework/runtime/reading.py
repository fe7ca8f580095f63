"""Reading: what a SELECT finds, as far as the reader may see it.

1. A statement that could go around the policies (SQL as text, tables that are no class of the App, fields
   that the reader does not see) is refused.
2. Each class with a policy is shadowed by what its policies let through; see `framework.storage.narrowing`.
3. Fields that the reader does not see are taken off the records.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, UpdateBase, and_, false, not_, or_, true
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import CompoundSelect, Select, TableClause
from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from framework.computations.policy import QueryPolicy, Reader
from framework.model.record import Record
from framework.plan.plan import Plan
from framework.plan.shape import Shape
from framework.runtime.asking import shortened
from framework.runtime.errors import (
    ActorRequired,
    HiddenField,
    NoSuchRecord,
    NotARecordOfThisApp,
    NotASelect,
    StatementInText,
    UnknownTableRead,
    UnusablePolicy,
    UnusableQuery,
)
from framework.runtime.present import not_loaded
from framework.runtime.spoken import Listener
from framework.storage.database import Database
from framework.storage.of_members import ViewInCriterion, member_of, of_members, views_in


class Reading:
    """Reads for one reader, or for the App itself (None), which sees all unless policies demand an actor."""

    def __init__(
        self,
        plan: Plan,
        database: Database,
        listener: Listener,
        reader: Reader | None,
        *,
        require_actor: bool,
    ) -> None:
        self._plan = plan
        self._database = database
        self._listener = listener
        self._reader = reader
        self._shapes = plan.by_table
        self._kept = [shape for shape in plan.shapes.values() if shape.policies]
        self._anyone = reader is None and not (require_actor and self._kept)
        self._tenanted = plan.tenanted
        self._hidden = {shape: self._hidden_of(shape) for shape in self._kept}

    def query(self, statement: Any) -> list[Any]:
        """What the statement finds, detached and read-only; raises NotComparable, or UnusableQuery."""
        try:
            return self._query(statement)
        except SQLAlchemyError as error:
            if not _is_about_the_statement(error):
                raise
            for element in visitors.iterate(statement):
                if isinstance(element, TableClause) and element not in self._shapes:
                    raise UnknownTableRead(table=element.fullname) from error
            reason = str(getattr(error, "orig", None) or error).split("\n")[0].removesuffix(".")
            raise UnusableQuery(reason=reason) from error

    def _query(self, statement: Any) -> list[Any]:
        if not isinstance(statement, Executable) or isinstance(statement, UpdateBase):
            raise NotASelect(statement=shortened(statement))
        spoken = self._listener.hear(statement)
        has_views = bool(spoken.views or statement._with_options)  # an option may name some, too
        if self._anyone and not self._tenanted:
            with self._database.session(of_members=has_views) as session:
                found = _found(session, statement)
                for record in session.identity_map.values():
                    _let_relations_be(record)
                return found
        if not isinstance(statement, (Select, CompoundSelect)):
            raise NotASelect(statement=shortened(statement))
        with self._database.session(self._narrow, of_members=has_views) as session:
            found = _found(session, statement)
            for record in session.identity_map.values():
                self._take_off(record)
            return found

    def get(self, model: type[Record], id: UUID) -> Any:
        """The record with this id; raises NoSuchRecord, also of one that the reader may not see."""
        shape = self._shapes.get(getattr(model, "__table__", None))
        if shape is None:
            raise NotARecordOfThisApp(thing=model)
        found = self.query(select(model).where(shape.table.c.id == id))
        if not found:
            raise NoSuchRecord(model=shape.name, id=id)
        return found[0]

    def _narrow(self, statement: Any) -> Any:
        spoken = self._listener.hear(statement)
        if spoken.text is not None:
            raise StatementInText(text=spoken.text)
        for table in spoken.tables:
            self._check_table(table)
        for column in spoken.columns:
            self._check_column(column)
        return statement if self._anyone else statement.add_cte(*map(self._shadow, self._kept))

    def _check_table(self, table: TableClause) -> None:
        shape = self._shapes.get(table)
        if shape is None:
            raise UnknownTableRead(table=table.fullname)
        if shape.policies and self._reader is None and not self._anyone:
            raise ActorRequired(model=shape.name)

    def _check_column(self, column: Any) -> None:
        table = getattr(column, "table", None)
        if not isinstance(table, TableClause):
            return
        self._check_table(table)
        policy = self._hidden.get(self._shapes[table], {}).get(column.name)
        if policy is not None:
            raise HiddenField(model=self._shapes[table].name, field=column.name, policy=policy.name)

    def _shadow(self, shape: Shape) -> Any:
        asked = [(policy, _asked(policy, shape, self._reader)) for policy in shape.policies]
        try:
            held = (self._held(policy, shape, criterion) for policy, criterion in asked)
            return self._database.shadows.of(shape.table, and_(true(), *held), self._hidden[shape])
        except (SQLAlchemyError, AttributeError, ValueError, ViewInCriterion) as error:
            names = " and ".join(policy.name for policy in shape.policies)
            reason = str(error).removesuffix(".")
            raise UnusablePolicy(policy=names, model=shape.name, reason=reason) from error

    def _held(self, policy: QueryPolicy, shape: Shape, criterion: ColumnElement[bool]) -> ColumnElement[bool]:
        """What the policy holds a row of the table to: one of a view concerns members alone."""
        column_of = self._plan.column_of_members
        if views_in(criterion):
            criterion = of_members(criterion, shape.table, column_of)
        if policy.model is shape.model:
            return criterion
        return or_(not_(member_of(shape.table, column_of(policy.model))), criterion)

    def _hidden_of(self, shape: Shape) -> dict[str, QueryPolicy]:
        reader = self._reader
        if reader is None:
            return {}
        return {name: policy for policy in shape.policies for name in _hidden_by(policy, shape, reader)}

    def _take_off(self, record: Any) -> None:
        shape = self._shapes[type(record).__table__]
        hidden = self._hidden.get(shape, {})
        for name in hidden:
            record.__dict__.pop(name, None)
        _let_relations_be(record)
        if hidden:
            state = instance_state(record)
            state.callables = {  # what SQLAlchemy calls for a value that was not loaded
                **state.callables,
                **{name: partial(_hide, shape.name, name, policy.name) for name, policy in hidden.items()},
            }


def _let_relations_be(record: Any) -> None:
    """What was not loaded with the record is not loaded later: nobody would know of which moment it is."""
    state = instance_state(record)
    state.callables = not_loaded(state.mapper)


def _found(session: Session, statement: Any) -> list[Any]:
    """What the statement finds. Of a record with a collection that is joined to it (`joinedload`), SQLAlchemy
    gives a row for each of the collection, says so in the context of the result, and wants to be asked for
    one.
    """
    result: Any = session.execute(statement)
    if getattr(result.context, "requires_uniquing", False):
        result = result.unique()
    return list(result.scalars() if isinstance(statement, SelectOfScalar) else result)


def _is_about_the_statement(error: SQLAlchemyError) -> bool:
    """Whether it is the statement that is wrong, and not the database."""
    if not isinstance(error, DBAPIError):
        return True
    return isinstance(error, ProgrammingError) or str(error.orig).startswith("no such ")


def _asked(policy: QueryPolicy, shape: Shape, reader: Reader | None) -> ColumnElement[bool]:
    match reader is not None and policy.criterion(reader):
        case True:
            return true()
        case False:
            return false()
        case ColumnElement() as criterion:
            return criterion
        case other:
            raise UnusablePolicy(policy=policy.name, model=shape.name, reason=f"it gave {other!r}")


def _hidden_by(policy: QueryPolicy, shape: Shape, reader: Reader) -> Iterator[str]:
    for name in policy.hidden(reader):
        if name not in shape.fields or name == "id":
            raise UnusablePolicy(
                policy=policy.name, model=shape.name, reason=f"it hides {name!r}, which is no field to hide"
            )
        yield name


def _hide(model: str, field: str, policy: str, *_: object) -> NoReturn:
    raise HiddenField(model=model, field=field, policy=policy)
