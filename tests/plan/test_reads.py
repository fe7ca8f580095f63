"""What a callback reads is found from its code, and a record that goes out of sight must be declared."""

import functools
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import pytest

from framework import Entity, Global, Sum, computed
from framework.plan.mistakes import Unfollowable, UnknownRead
from framework.plan.plan import compile_plan
from framework.plan.reads import reads_of


class Base(Entity):
    """What several records have in common."""

    tax: int = 0

    def with_tax(self) -> int:
        return self.net() + self.tax

    def net(self) -> int:
        return 0


class Item(Base, table=True):
    price: int = 0
    amount: int = 0
    name: str = ""
    RATE: ClassVar[int] = 2

    @property
    def gross(self) -> int:
        return self.price * self.factor()

    def factor(self) -> int:
        return self.amount + self.RATE

    def net(self) -> int:
        return super().net() + self.price

    def endless(self, n: int) -> int:
        return self.endless(n - 1) if n else self.price

    @staticmethod
    def doubled(value: int) -> int:
        return value * 2

    @classmethod
    def rate(cls) -> int:
        return cls.RATE

    @cached_property
    def kept(self) -> int:
        return self.price


def price_of(item: Item) -> int:
    doubled = item.price * 2
    if item.name:
        return doubled
    return item.amount


def with_inner_function(item: Item) -> int:
    def inner() -> int:
        return item.price

    return inner()


def with_default(item: Item, times: int = 2) -> int:
    return item.price * times


class Tariff:
    factor = 3

    def of(self, item: Item) -> int:
        return item.price * self.factor


FOLLOWED: list[tuple[Callable[[Any], Any], set[str]]] = [
    (lambda item: item.price, {"price"}),
    (lambda item: item.price if item.name else item.amount, {"price", "name", "amount"}),
    (lambda item: len(item.name.upper()), {"name"}),
    (lambda item: f"{item.name}: {item.price!r:>{item.amount}}", {"name", "price", "amount"}),
    (lambda item: [letter for letter in item.name], {"name"}),  # noqa: C416  # a comprehension is the point
    (lambda item: sum(item.price for _ in range(3)), {"price"}),
    (lambda item: {n: item.price for n in range(item.amount)}, {"price", "amount"}),  # noqa: C420  # the point
    (lambda item: (lambda: item.price)(), {"price"}),
    (lambda item: (lambda: (lambda: item.amount)())(), {"amount"}),
    (lambda item: [item for item in item.name], {"name"}),  # noqa: C416  # the inner one is another
    (lambda item: item.name.strip().lower() if item.price else None, {"name", "price"}),
    (lambda _: 1, set()),
    (price_of, {"price", "name", "amount"}),
    (with_inner_function, {"price"}),
    (with_default, {"price"}),
    (Tariff().of, {"price"}),
]


@pytest.mark.parametrize(("callback", "fields"), FOLLOWED)
def test_what_a_callback_reads_is_found(callback: Callable[[Any], Any], fields: set[str]) -> None:
    assert reads_of(callback, "here") == fields


def reads_in_plan(callback: Callable[[Any], Any]) -> set[str]:
    """The fields of an item that a sum reads, methods and properties followed."""

    class Totals(Global, table=True):
        total: int = computed(Sum(Item, callback))

    (node,) = compile_plan([[Item, Totals]]).nodes
    return {field for shape, field in node.reads if shape.model is Item and field is not None}


BEHIND: list[tuple[Callable[[Any], Any], set[str]]] = [
    (lambda item: item.gross, {"price", "amount"}),
    (lambda item: item.factor(), {"amount"}),
    (lambda item: item.endless(3), {"price"}),
    (lambda item: item.doubled(item.price), {"price"}),
    (lambda item: item.rate() + item.RATE, set()),
    (lambda item: item.id.int, {"id"}),
]


@pytest.mark.parametrize(("callback", "fields"), BEHIND)
def test_methods_and_properties_are_followed(callback: Callable[[Any], Any], fields: set[str]) -> None:
    assert reads_in_plan(callback) == fields


def wrapping(function: Callable[[Any], int]) -> Callable[[Any], int]:
    @functools.wraps(function)
    def wrapper(item: Any) -> int:
        return function(item) + item.amount

    return wrapper


def reassigned(item: Any) -> Any:
    item = item.name
    return item  # noqa: RET504  # the point


def deleted(item: Any) -> Any:
    del item
    return 1


def matched(item: Any) -> Any:
    match item:
        case Item(price=1):
            return 1
    return 0


def increased(item: Any) -> Any:
    item.price += 1
    return item.price


def kept_in_a_list(item: Any) -> Any:
    others = [item]
    return others[0].price


def returned_by_inner(item: Any) -> Any:
    def inner() -> Any:
        return item

    return inner().price


def any_number(*items: Any) -> Any:
    return items[0].price


ESCAPES: list[Callable[..., Any]] = [
    lambda item: item,
    lambda item: str(item),
    lambda item: f"{item}",
    lambda item: getattr(item, "price"),  # noqa: B009  # the point
    lambda item: vars(item)["price"],
    lambda item: [item][0].price,
    lambda item: (item, 1)[0].price,
    lambda item: (item or None).price,
    lambda item: item is not None,
    lambda item: item == 1,
    lambda item: isinstance(item, Item),
    lambda item: [one.price for one in [item]],
    lambda item: (lambda other: other.price)(item),
    lambda item: (lambda other=item: other.price)(),
    lambda item: (other := item).price,  # noqa: F841  # the point
    lambda item: print(item) or 1,  # noqa: T201  # the point
    lambda item: item["price"],
    lambda item: item(),
    lambda item: item.price(*item),
    functools.partial(with_default, times=3),
    functools.lru_cache(price_of),
    str,
    wrapping(price_of),
    reassigned,
    deleted,
    matched,
    increased,
    kept_in_a_list,
    returned_by_inner,
    any_number,
    lambda: 1,
]


@pytest.mark.parametrize("callback", ESCAPES)
def test_a_record_that_goes_out_of_sight_must_be_declared(callback: Callable[..., Any]) -> None:
    with pytest.raises(Unfollowable, match=r"reads=\("):
        reads_of(callback, "here")


@pytest.mark.parametrize("callback", [lambda item: item.with_tax(), lambda item: item.kept])
def test_what_is_behind_a_method_must_be_in_sight_too(callback: Callable[[Any], Any]) -> None:
    with pytest.raises(Unfollowable):
        reads_in_plan(callback)


@pytest.mark.parametrize(
    "callback", [lambda item: item.__dict__["price"], lambda item: item.model_dump(), lambda item: item.prise]
)
def test_only_fields_and_behaviour_of_the_class_can_be_read(callback: Callable[[Any], Any]) -> None:
    with pytest.raises(UnknownRead):
        reads_in_plan(callback)


def test_declared_reads_are_taken_as_they_are() -> None:
    class Totals(Global, table=True):
        total: int = computed(Sum(Item, lambda item: vars(item)["price"], reads=("price", "gross")))

    (node,) = compile_plan([[Item, Totals]]).nodes
    assert {field for _, field in node.reads} == {"price", "amount", None}
