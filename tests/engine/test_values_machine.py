"""Random days of a market: parameters, keys, Decimals, moves; all is what plain Python makes of the facts."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from sqlmodel import select

from framework import (
    Average,
    Collect,
    Count,
    Custom,
    Entity,
    Every,
    Field,
    First,
    Formula,
    Global,
    Latest,
    Lookup,
    Max,
    Min,
    Relationship,
    Sequence,
    Some,
    Sum,
    WeightedSum,
    computed,
    derive,
)
from framework.app import App, Settings
from framework.clock import ManualClock
from tests.machines import MachineOnDatabase, on_postgresql, on_sqlite
from tests.soak import examples

Money = Annotated[Decimal, Field(decimal_places=2)]
CENT = Decimal("0.01")


class Kind(StrEnum):
    FRUIT = "fruit"
    FISH = "fish"


class Market(Global, table=True):
    fee: int = 2
    floor: Money = Decimal("1.00")
    motto: str = "m"


class Ware(Entity, table=True):
    stall_id: UUID | None = Field(default=None, foreign_key="stall.id", ondelete="CASCADE")
    kind: Kind | None = None
    price: Money | None = None
    pieces: int | None = None
    stall: "Stall" = Relationship(back_populates="wares")

    worth: Money = computed(
        Formula(lambda ware, market: (ware.price or Decimal(0)) * market.fee, given=Market)
    )
    sign: str = computed(
        Lookup(stall, lambda stall, market: f"{stall.name}{market.motto}", missing="-", given=Market)
    )


class Stall(Entity, table=True):
    name: str = "s"
    wares: list[Ware] = Relationship(back_populates="stall")

    number: int = computed(Sequence(per=("name",)))
    dear: int = computed(Count(wares, lambda ware, market: (ware.price or 0) >= market.floor, given=Market))
    total: Money = computed(Sum(wares, lambda ware: ware.price))
    worth: Money = computed(Sum(wares, lambda ware: ware.worth))
    stock: Money = computed(WeightedSum(wares, lambda ware: ware.price, lambda ware: ware.pieces))
    fees: int = computed(
        Sum(wares, lambda ware, market: ware.pieces and ware.pieces * market.fee, missing=1, given=Market)
    )
    mean: Money | None = computed(Average(wares, lambda ware: ware.price))
    mean_or_0: Money | None = computed(Average(wares, lambda ware: ware.price, missing=Decimal(0)))
    least: Money | None = computed(
        Min(
            wares,
            lambda ware, market: ware.price,
            lambda ware, market: (ware.pieces or 0) > market.fee,
            given=Market,
        )
    )
    most: Money | None = computed(Max(wares, lambda ware: ware.price, missing=Decimal(0)))
    first: str | None = computed(
        First(wares, lambda ware, market: market.motto if ware.price is None else None, given=Market)
    )
    latest: Money | None = computed(
        Latest(wares, lambda ware, market: ware.worth + market.floor, given=Market)
    )
    last: list[int] = computed(
        Collect(
            wares,
            lambda ware, market: ware.pieces if (ware.pieces or 0) >= market.fee else None,
            2,
            given=Market,
        )
    )
    by_kind: dict[Kind, Money] = computed(Sum(wares, lambda ware: ware.price, by=lambda ware: ware.kind))
    means: dict[Kind, float] = computed(Average(wares, lambda ware: ware.pieces, by=lambda ware: ware.kind))
    dear_by_kind: dict[Kind, bool] = computed(
        Some(
            wares,
            lambda ware, market: (ware.price or 0) >= market.floor,
            by=lambda ware, market: ware.kind if market.fee else None,
            given=Market,
        )
    )
    spread: int = computed(
        Custom(
            lambda stall, market: sum((ware.pieces or 0) % (market.fee + 1) for ware in stall.wares),
            reads=("wares.pieces",),
            given=Market,
        )
    )
    seen: int = computed(
        Custom(
            lambda stall, market: len(stall.wares),
            step=lambda n, before, after, market: n + (after is not None) - (before is not None),
            reads=("wares", "Market.fee"),
            given=Market,
        )
    )


class Label(Entity, table=True):
    ware_id: UUID
    text: str


@derive
def label(ware: Ware, market: Market) -> Label | None:
    """A ware that costs something is labelled."""
    if ware.price is None or ware.price < market.floor:
        return None
    return Label(ware_id=ware.id, text=f"{market.motto}{ware.price}")


class Books(Global, table=True):
    worth: Money = computed(Sum(Stall, lambda stall: stall.worth))
    all_dear: bool = computed(Every(Stall, lambda stall, market: stall.dear >= market.fee, given=Market))
    by_price: dict[str, int] = computed(
        Count(Ware, by=lambda ware, market: market.motto if ware.price is None else "priced", given=Market)
    )
    names: str = computed(
        Custom(
            lambda books, stalls: ",".join(sorted(stall.name for stall in stalls)),
            reads=("Stall.name",),
            over=Stall,
        )
    )
    stalls: int = computed(
        Custom(
            lambda books, stalls: len(stalls),
            step=lambda n, before, after: n + (after is not None) - (before is not None),
            over=Stall,
        )
    )


MODELS: list[object] = [Market, Ware, Stall, Label, label, Books]

prices = st.one_of(st.none(), st.integers(-300, 300).map(lambda cents: cents * CENT))
pieces = st.one_of(st.none(), st.integers(0, 5))
kinds = st.sampled_from([None, *Kind])
picks = st.integers(0, 7)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "fee": st.integers(0, 3),
        "floor": st.integers(-100, 200).map(lambda cents: cents * CENT),
        "motto": st.sampled_from(["m", "n"]),
    },
)
facts = st.fixed_dictionaries({}, optional={"price": prices, "pieces": pieces, "kind": kinds})


class ThinksBetter(Exception):
    """Nothing of it shall be stored."""


class Days(MachineOnDatabase):
    """Stalls and wares come, change, move and go; the market changes its rules, often in the same breath."""

    def __init__(self) -> None:
        super().__init__()
        self.app = App(
            MODELS,
            database=self.url,
            settings=Settings(synchronous="OFF", strict_reads=True),
            clock=ManualClock(datetime(2026, 3, 1, tzinfo=UTC)),
        )
        self.app.create()
        self.stalls: list[UUID] = []
        self.wares: list[UUID] = []

    def stall_of(self, pick: int) -> UUID | None:
        return self.stalls[pick % len(self.stalls)] if self.stalls and pick < 7 else None

    @rule(name=st.sampled_from("st"))
    def stall_comes(self, name: str) -> None:
        with self.app.transaction() as tx:
            self.stalls.append(tx.add(Stall(name=name)).id)

    @rule(pick=picks, many=st.lists(facts, min_size=1, max_size=4))
    def wares_come(self, pick: int, many: list[dict[str, Any]]) -> None:
        with self.app.transaction() as tx:
            for one in many:
                self.wares.append(tx.add(Ware(stall_id=self.stall_of(pick), **one)).id)

    @precondition(lambda self: self.wares)
    @rule(pick=picks, change=facts)
    def ware_changes(self, pick: int, change: dict[str, Any]) -> None:
        with self.app.transaction() as tx:
            tx.update(Ware, self.wares[pick % len(self.wares)], **change)

    @precondition(lambda self: self.wares)
    @rule(pick=picks, to=picks)
    def ware_moves(self, pick: int, to: int) -> None:
        with self.app.transaction() as tx:
            tx.update(Ware, self.wares[pick % len(self.wares)], stall_id=self.stall_of(to))

    @precondition(lambda self: self.wares)
    @rule(pick=picks)
    def ware_goes(self, pick: int) -> None:
        with self.app.transaction() as tx:
            tx.delete(Ware, self.wares.pop(pick % len(self.wares)))

    @precondition(lambda self: self.stalls)
    @rule(pick=picks)
    def stall_goes(self, pick: int) -> None:
        with self.app.transaction() as tx:
            tx.delete(Stall, self.stalls.pop(pick % len(self.stalls)))
        self.wares = [ware.id for ware in self.app.query(select(Ware))]

    @rule(change=parameters)
    def market_changes(self, change: dict[str, Any]) -> None:
        with self.app.transaction() as tx:
            tx.update(Market, **change)

    @precondition(lambda self: self.wares)
    @rule(change=parameters, pick=picks, to=picks, new=facts, other=facts)
    def market_changes_while_wares_do(
        self, change: dict[str, Any], pick: int, to: int, new: dict[str, Any], other: dict[str, Any]
    ) -> None:
        with self.app.transaction() as tx:
            tx.update(Ware, self.wares[pick % len(self.wares)], stall_id=self.stall_of(to), **other)
            tx.update(Market, **change)
            self.wares.append(tx.add(Ware(stall_id=self.stall_of(to), **new)).id)
            gone = self.wares.pop(0)
            tx.delete(Ware, gone)

    @rule(change=parameters)
    def market_thinks_better_of_it(self, change: dict[str, Any]) -> None:
        with pytest.raises(ThinksBetter), self.app.transaction() as tx:
            tx.update(Market, **change)
            tx.finish()
            raise ThinksBetter

    @invariant()
    def everything_is_what_the_facts_say(self) -> None:
        assert [str(one) for one in self.app.verify()] == []
        assert mistakes(self.app) == []


def mistakes(app: App) -> list[str]:
    """What differs from plain Python over the facts."""
    market = app.get(Market)
    wares = app.query(select(Ware).order_by(Ware.id))  # type: ignore[arg-type]  # a column
    stalls = app.query(select(Stall))
    names = {stall.id: stall.name for stall in stalls}
    found = []
    for ware in wares:
        sign = "-" if ware.stall_id is None else f"{names[ware.stall_id]}{market.motto}"
        found += differences(ware, {"worth": (ware.price or 0) * market.fee, "sign": sign})
    for stall in stalls:
        mine = [ware for ware in wares if ware.stall_id == stall.id]
        found += differences(stall, of_stall(mine, market))
    labelled = {one.id: one for one in wares if one.price is not None and one.price >= market.floor}
    texts = {one.ware_id: one.text for one in app.query(select(Label))}
    assert texts == {id: f"{market.motto}{one.price}" for id, one in labelled.items()}
    kinds_of_price = [market.motto if ware.price is None else "priced" for ware in wares]
    held = [ware for ware in wares if ware.stall_id is not None]
    expected = {
        "worth": sum((ware.price or Decimal(0)) * market.fee for ware in held),
        "all_dear": all(
            len([w for w in held if w.stall_id == stall.id and (w.price or 0) >= market.floor]) >= market.fee
            for stall in stalls
        ),
        "by_price": {key: kinds_of_price.count(key) for key in kinds_of_price},
        "names": ",".join(sorted(names.values())),
        "stalls": len(stalls),
    }
    return found + differences(app.get(Books), expected)


def of_stall(mine: list[Ware], market: Market) -> dict[str, Any]:
    priced = [ware.price for ware in mine if ware.price is not None]
    dear = [(ware.price or 0) >= market.floor for ware in mine]
    kept = [ware.price for ware in mine if ware.price is not None and (ware.pieces or 0) > market.fee]
    stocked = [ware.pieces for ware in mine if ware.pieces is not None and ware.pieces >= market.fee]
    prices_of, pieces_of, dear_of = defaultdict(list), defaultdict(list), defaultdict(list)
    for ware, is_dear in zip(mine, dear, strict=True):
        if ware.kind is not None:
            if ware.price is not None:
                prices_of[ware.kind].append(ware.price)
            if ware.pieces is not None:
                pieces_of[ware.kind].append(ware.pieces)
            if market.fee:
                dear_of[ware.kind].append(is_dear)
    return {
        "dear": sum(dear),
        "total": sum(priced),
        "worth": sum(price * market.fee for price in priced),
        "stock": sum(
            (w.price * w.pieces for w in mine if w.price is not None and w.pieces is not None), Decimal(0)
        ),
        "fees": sum(1 if w.pieces is None else w.pieces * market.fee for w in mine),
        "mean": mean(priced),
        "mean_or_0": mean([ware.price or Decimal(0) for ware in mine]),
        "least": min(kept, default=None),
        "most": max([ware.price or Decimal(0) for ware in mine], default=None),
        "first": market.motto if len(priced) < len(mine) else None,
        "latest": (mine[-1].price or 0) * market.fee + market.floor if mine else None,
        "last": stocked[::-1][:2],
        "by_kind": {kind: sum(found) for kind, found in prices_of.items()},
        "means": {kind: sum(found) / len(found) for kind, found in pieces_of.items()},
        "dear_by_kind": {kind: any(found) for kind, found in dear_of.items()},
        "spread": sum((ware.pieces or 0) % (market.fee + 1) for ware in mine),
        "seen": len(mine),
    }


def mean(values: list[Decimal]) -> Decimal | None:
    return (sum(values, Decimal(0)) / len(values)).quantize(CENT, ROUND_HALF_UP) if values else None


def differences(record: Any, expected: dict[str, Any]) -> list[str]:
    return [
        f"{record!r}.{name} should be {value!r}"
        for name, value in expected.items()
        if getattr(record, name) != value
    ]


TestDays = on_sqlite(Days, examples(15, soak=400, steps=20, soak_steps=50))
TestPostgresDays = on_postgresql(Days, examples(5, soak=80, steps=12, soak_steps=30))
