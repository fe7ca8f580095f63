"""Records: what entities, events and globals have in common."""

from abc import ABCMeta
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform
from uuid import UUID

from sqlalchemy.orm import registry
from sqlalchemy.orm.attributes import instance_state, manager_of_class
from sqlmodel import Field, SQLModel
from sqlmodel.main import FieldInfo, RelationshipInfo, SQLModelMetaclass

from framework.errors import DeclarationError, DispatchError
from framework.model.blank import Blank
from framework.model.body import check_body, making
from framework.model.columns import named
from framework.model.computation import Computation, computed
from framework.model.fields import UNDEFINED, default_of, facts, is_class_variable, table_name, typed
from framework.model.identity import new_id
from framework.model.relation import Relation, join, refuse_inherited
from framework.model.scope import Scope, scope_of
from framework.model.views import Filter, RelationView, views_in

ADDED = "_added"
"""What a record has in its dictionary when a transaction has taken its facts."""

_new, _set = object.__new__, object.__setattr__


class UnknownField(DispatchError):
    """{model} has no field {field!r}. Its facts are: {facts}."""


class ComputedPropertyWritten(DispatchError):
    """{model}.{field} is computed, so it cannot be set. Change the facts that it is computed from."""


class RelationWritten(DispatchError):
    """{model}.{field} is a relation, so it cannot be set. Set the foreign key on the record at its other
    end.
    """


class NoSuchAttribute(DeclarationError, AttributeError):
    """{model} has no field {name!r}. Its fields are: {fields}."""


class FactsByName(DispatchError):
    """{model} takes its facts by their names, and was given {given!r}. Write `{model}({example})`."""


class MissingField(DispatchError):
    """{model} needs a value for {fields}."""

    codes: Mapping[str, str]
    """`missing`, by field."""


class NotAColumn(DeclarationError, AttributeError):
    """{model}.{name} cannot be spoken of in SQL: {because}. {remedy}."""


class ReadOnlyRecord(DispatchError):
    """This {model} was read from the App and is read-only. Change facts with `tx.update` in
    `app.transaction()`.
    """


class AddedRecord(ReadOnlyRecord):
    """This {model} has been added, so that what is written to it now would be lost. Change facts with
    `tx.update(record, {field}=...)`, or before you add it.
    """


class ForeignIdentity(DeclarationError):
    """{model}.id is declared as {annotation}, but the id of every record is a UUID. Take the declaration out,
    and keep what others call it by in a field of its own, such as `number: int = Field(unique=True)`.
    """


class AbstractRecord(DispatchError):
    """{model} has no table of its own. Declare it with `table=True`, or instantiate a class that is."""


def is_filtered(model: type) -> bool:
    """Whether the class is a view: the records of its base that meet a condition."""
    return "__filter__" in getattr(model, "__dict__", {})


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, computed))
class RecordType(SQLModelMetaclass):
    """Turns `computed(...)` declarations and typed fields into columns, and keeps the declarations."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        where, reads = options.pop("where", None), options.pop("reads", None)
        if where is not None or any(map(_is_narrowed_by_subclassing, bases)):
            return _filtered(mcs, name, bases, namespace, Filter(where, reads), **options)
        with making(name):
            return mcs._made(name, bases, namespace, **options)

    @classmethod
    def _made(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        annotations: dict[str, Any] = namespace.get("__annotations__", {})
        check_body(name, namespace, annotations, options)
        if annotations.get("id", UUID) is not UUID:
            raise ForeignIdentity(model=name, annotation=named(annotations["id"]))
        relations = {
            id(value): key for key, value in namespace.items() if isinstance(value, RelationshipInfo)
        }
        fields = {
            id(value): key for key, value in namespace.items() if isinstance(value, (Computation, FieldInfo))
        }
        views = views_in(namespace)
        relations |= {id(view): key for key, view in views.items()}
        for key, view in views.items():
            view.bind(relations, fields)
            namespace.pop(key, None)
            annotations.pop(key, None)
        for relation in (one for one in namespace.values() if isinstance(one, Relation)):
            relation.by = fields.get(id(relation.by), relation.by)
        inherited: dict[str, Computation[Any]] = {}
        for base in reversed(bases):
            inherited |= getattr(base, "__computed__", {})
        own = {key: value for key, value in namespace.items() if isinstance(value, Computation)}
        for key, computation in own.items():
            computation.bind(relations, fields)
            namespace[key] = Field(default=computation.initial, nullable=True)
        second = {source for base in bases for source in getattr(base, "__second_sources__", ())}
        second |= {(key, "another `computed(...)` in a subclass") for key in inherited.keys() & own.keys()}
        for key in inherited.keys() & annotations.keys() - own.keys():  # a subclass narrows the type
            if default_of(namespace.get(key, UNDEFINED)) not in (UNDEFINED, inherited[key].initial):
                second.add((key, "a default in a subclass"))
            namespace[key] = Field(default=inherited[key].initial, nullable=True)
        for key, annotation in annotations.items():
            if (
                key.startswith("_")
                or isinstance(namespace.get(key), RelationshipInfo)
                or is_class_variable(annotation)
            ):
                continue
            namespace[key] = typed(namespace.get(key, UNDEFINED), annotation)
        scope: Scope | None = None
        if options.get("table"):
            refuse_inherited(name, bases)
            namespace.setdefault("__tablename__", table_name(name))
            scope = scope_of(namespace, namespace["__tablename__"])
            namespace |= {"metadata": scope.metadata, "__scope__": scope}
        model = super().__new__(cls, name, bases, namespace, **options)
        if scope is not None:  # pydantic would take the underscore in the namespace for a private attribute
            type.__setattr__(model, "_sa_registry", scope.registry)
            for key, relation in model.__sqlmodel_relationships__.items():
                join(model, key, relation)
        model.__computed__ = inherited | own
        model.__views__ = {**getattr(model, "__views__", {}), **views}
        model.__facts__ = facts(model)
        model.__blank__ = Blank(
            model.__facts__, {key: one.initial for key, one in model.__computed__.items()}
        )
        model.__second_sources__ = tuple(sorted(second))
        return model

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        if is_filtered(cls):
            type.__init__(cls, name, bases, namespace)
        else:
            with making(name):
                super().__init__(name, bases, namespace, **options)

    if not TYPE_CHECKING:  # to type checkers a record is made as dataclasses are

        def __call__(cls, *arguments: Any, **facts: Any) -> Any:
            """Make a record. What SQLAlchemy keeps of it costs as much again, and is made when asked for."""
            if cls.__mapped__ is cls and not arguments:
                record = _new(cls)
                _set(record, "__dict__", cls._filled(facts))
                _set(record, "__pydantic_extra__", None)
                _set(record, "__pydantic_private__", None)
                _set(record, "__pydantic_fields_set__", set(facts))
                return record
            if arguments:
                example = ", ".join(f"{name}=..." for name in [*cls.__facts__][1:3])
                raise FactsByName(model=cls.__name__, given=arguments[0], example=example)
            record = super().__call__(**facts)
            cls.__scope__.registry.configure(cascade=True)  # as SQLAlchemy does for the first of a class
            is_plain = (
                manager_of_class(cls).original_init is Record.__init__ and not cls.__private_attributes__
            )
            type.__setattr__(cls, "__mapped__", cls if is_plain else None)
            return record

        def __getattr__(cls, name: str) -> Any:
            """Say which fields there are, where one is named that is not."""
            try:
                return super().__getattr__(name)
            except AttributeError:
                if name.startswith("_"):
                    raise
                _refuse_in_sql(cls, name)
                fields = ", ".join((*cls.__facts__, *cls.__computed__))
                raise NoSuchAttribute(model=cls.__name__, name=name, fields=fields) from None


def _refuse_in_sql(model: type["Record"], name: str) -> None:
    """Say why what is declared has no column."""
    if name in model.__views__:
        raise NotAColumn(
            model=model.__name__,
            name=name,
            because="it is a part of relations, or several of them",
            remedy="Look at the records by their class, and by the key that leads from them",
        )
    if name in model.__facts__ or name in model.__computed__:
        raise NotAColumn(
            model=model.__name__,
            name=name,
            because=f"{model.__name__} has no table of its own",
            remedy=f"Say it of each class that has; all records together are `app.members({model.__name__})`",
        )


def _has_table(base: Any) -> bool:
    return bool(getattr(base, "model_config", {}).get("table"))


def _is_narrowed_by_subclassing(base: Any) -> bool:
    return _has_table(base) or hasattr(base, "__filter__")


def _filtered(
    kind: type[RecordType],
    name: str,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    declared: Filter,
    **options: Any,
) -> Any:
    """A filtered class: no table and no fields of its own, mapped so that `select` finds its members."""
    fields = {key for key, one in namespace.get("__annotations__", {}).items() if not is_class_variable(one)}
    declarations = (Computation, RelationshipInfo, RelationView)
    fields |= {key for key, value in namespace.items() if isinstance(value, declarations)}
    model: Any = ABCMeta.__new__(kind, name, bases, namespace)
    type.__setattr__(model, "__filter__", declared)
    type.__setattr__(model, "__added__", (*sorted(fields), *options))
    tables: list[Any] = [base for base in bases if _has_table(base)]
    if len(tables) == 1:
        registry().map_imperatively(model, inherits=tables[0])
        type.__setattr__(model, "__table__", tables[0].__table__)
    return model


class Record(SQLModel, metaclass=RecordType):
    """A row with an identity, some facts and some computed properties."""

    __computed__: ClassVar[Mapping[str, Computation[Any]]] = {}
    __facts__: ClassVar[Mapping[str, Any]] = {}
    __blank__: ClassVar[Blank]
    __second_sources__: ClassVar[
        tuple[tuple[str, str], ...]
    ] = ()  # what would define a computed property again
    __scope__: ClassVar[Scope]
    __views__: ClassVar[Mapping[str, RelationView]] = {}
    __filter__: ClassVar[Filter]  # of a filtered class alone
    __mapped__: ClassVar[type["Record"] | None] = None  # the class itself, once it can be made the short way
    __added__: ClassVar[tuple[str, ...]]  # what a filtered class declares, and has no column for

    id: UUID = Field(default_factory=new_id, primary_key=True)

    def __init__(self, **values: Any) -> None:
        """Take the facts by name; defaults are evaluated here, once. Values are validated at the App's
        door.
        """
        model = type(self)
        if not model.model_config.get("table"):
            raise AbstractRecord(model=model.__name__)
        record = model._filled(values)
        self.__pydantic_fields_set__.update(values)
        self.__dict__.update(record)

    @classmethod
    def _filled(cls, facts: dict[str, Any]) -> dict[str, Any]:
        """The values of a new record of which these facts are given."""
        blank = cls.__blank__
        filled = blank.filled(facts)
        if filled is None:
            if unknown := [name for name in facts if name not in blank.facts]:
                refuse(cls, unknown[0])
            missing = blank.lacks(facts)
            codes = dict.fromkeys(missing, "missing")
            raise MissingField(model=cls.__name__, fields=", ".join(missing), codes=codes)
        return filled

    if not TYPE_CHECKING:  # type checkers would take every attribute for one that is there

        def __getattr__(self, name: str) -> Any:
            """Give a record its state of SQLAlchemy when it is asked for."""
            if name == "_sa_instance_state":
                manager_of_class(type(self)).setup_instance(self)
                return object.__getattribute__(self, name)
            return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "_sa_instance_state":
            model = type(self)
            if instance_state(self).key is not None:
                raise ReadOnlyRecord(model=model.__name__)
            if name not in model.__facts__:
                refuse(model, name)
            if ADDED in self.__dict__:
                raise AddedRecord(model=model.__name__, field=name)
        super().__setattr__(name, value)


def refuse(model: type[Record], field: str) -> None:
    """Say why the field cannot be given: it is computed, a relation, or not there at all."""
    if field in model.__computed__:
        raise ComputedPropertyWritten(model=model.__name__, field=field)
    if field in model.__sqlmodel_relationships__ or field in model.__views__:
        raise RelationWritten(model=model.__name__, field=field)
    raise UnknownField(model=model.__name__, field=field, facts=", ".join(model.__facts__))
