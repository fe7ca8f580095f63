"""What a word of a declaration does not take is said when it stands there, with what it takes."""

from functools import partial
from typing import Any

import pytest

from framework import (
    Activity,
    Collect,
    Deadline,
    Entity,
    Event,
    Formula,
    Lookup,
    Min,
    OnEntry,
    Relationship,
    Renamed,
    Retention,
    Sequence,
    StateMachine,
    Sum,
    Transition,
    Unique,
    became,
    changed,
    completed,
    condition,
    created,
    derive,
    guard,
    on,
    policy,
    subset,
    takeover,
)
from framework.errors import DeclarationError


class Happened(Event, table=True):
    name: str = ""


class Thing(Entity, table=True):
    name: str = ""


def known(event: Any, admission: Any) -> bool:
    return True


mine = condition(known)
part = partial(known, None)
by_name: Any = Thing.name == "x"


LIKE_THIS = "cannot be declared like this:"
SPOKEN: dict[str, tuple[Any, str]] = {
    "nothing": (
        lambda: Sum(),
        f"`Sum` {LIKE_THIS} missing a required argument: 'records'. Write it as `Sum(records, of, "
        "where=None, "
        "missing=None, reads=None, *, given=None, by=None)`.",
    ),
    "misspelled": (
        lambda: Sum([], lambda one: 1, wher=lambda one: True),
        f"`Sum` {LIKE_THIS} it has no 'wher'. Write it as `Sum(records, of, where=None, missing=None, "
        "reads=None, *, given=None, by=None)`.",
    ),
    "of another word": (
        lambda: Min([], lambda one: 1, by=lambda one: 1),
        f"`Min` {LIKE_THIS} it has no 'by'. Write it as `Min(records, of, where=None, reads=None, *, "
        "given=None, "
        "missing=None)`.",
    ),
    "without a limit": (
        lambda: Collect([], lambda one: 1),
        f"`Collect` {LIKE_THIS} missing a required argument: 'limit'. Write it as `Collect(records, "
        "of, limit, "
        "reads=None, *, given=None)`.",
    ),
    "without its function": (
        lambda: Lookup(None),
        f"`Lookup` {LIKE_THIS} missing a required argument: 'of'. Write it as `Lookup(record, of, "
        "reads=None, *, "
        "missing=None, given=None)`.",
    ),
    "an empty formula": (
        lambda: Formula(),
        f"`Formula` {LIKE_THIS} missing a required argument: 'of'. Write it as `Formula(of, reads=None, *, "
        "given=None)`.",
    ),
    "a deadline of nothing": (
        lambda: Deadline(),
        f"`Deadline` {LIKE_THIS} missing a required argument: 'at'. Write it as `Deadline(at, before, after, "
        "reads=None, *, given=None)`.",
    ),
    "what starts by itself": (
        lambda: Sequence(initial=1),
        f"`Sequence` {LIKE_THIS} it has no 'initial'. Write it as `Sequence(per=(), start=1, step=1)`.",
    ),
    "an entry of nothing": (
        lambda: OnEntry(),
        f"`OnEntry` {LIKE_THIS} missing a required argument: 'machine'. Write it as `OnEntry(machine, "
        "state, of, "
        "*, initial=None, reads=None)`.",
    ),
    "a machine of nothing": (
        lambda: StateMachine(),
        f"`StateMachine` {LIKE_THIS} missing a required argument: 'initial'. Write it as "
        "`StateMachine(initial, "
        "*transitions, erases=None)`.",
    ),
    "a transition that waits for nothing": (
        lambda: Transition("a", "b"),
        f"`Transition` {LIKE_THIS} missing a required argument: 'when'. Write it as "
        "`Transition(source, target, "
        "when, guard=None, reads=None, *, given=None)`.",
    ),
    "a transition by another word": (
        lambda: Transition("a", "b", on=on(Happened)),
        f"`Transition` {LIKE_THIS} it has no 'on'. Write it as `Transition(source, target, when, guard=None, "
        "reads=None, *, given=None)`.",
    ),
    "on nothing": (
        lambda: on(),
        f"`on` {LIKE_THIS} missing a required argument: 'event'. Write it as `on(event, *, to=None)`.",
    ),
    "nobody completed": (
        lambda: completed(),
        f"`completed` {LIKE_THIS} missing a required argument: 'calls'. Write it as `completed(calls, *, "
        "to=None)`.",
    ),
    "nobody created": (
        lambda: created([], "name"),
        f"`created` {LIKE_THIS} too many positional arguments. Write it as `created(records, *, to=None)`.",
    ),
    "nothing changed": (
        lambda: changed(),
        f"`changed` {LIKE_THIS} missing a required argument: 'records'. Write it as `changed(records, "
        "field=None, "
        "*, to=None)`.",
    ),
    "became what": (
        lambda: became("name"),
        f"`became` {LIKE_THIS} missing a required argument: 'field'. Write it as `became(records, field, "
        "value=Ellipsis, *, to=None)`.",
    ),
    "a subset of all": (
        lambda: subset([]),
        f"`subset` {LIKE_THIS} missing a required argument: 'where'. Write it as `subset(records, "
        "where, /, *, "
        "reads=None)`.",
    ),
    "a relation by its class": (
        lambda: Relationship(Thing),
        f"`Relationship` {LIKE_THIS} too many positional arguments. Write it as `Relationship(*, "
        "back_populates=None, link_model=None, by=None, symmetric=False, sa_relationship_kwargs=None)`.",
    ),
    "a link by its name": (
        lambda: Relationship(link_model="Thing"),
        "`Relationship(link_model='Thing')` cannot be: link_model is a record class.",
    ),
    "options of another kind": (
        lambda: Relationship(sa_relationship_kwargs="x"),
        "`Relationship(sa_relationship_kwargs='x')` cannot be: sa_relationship_kwargs is a "
        "dictionary, such as "
        '`{"remote_side": "Person.id"}`.',
    ),
    "an activity of nothing": (
        lambda: Activity(),
        f"`Activity` {LIKE_THIS} missing a required argument: 'opening'. Write it as "
        "`Activity(opening, *steps, "
        "name=None)`.",
    ),
    "an activity that is called a number": (
        lambda: Activity(Happened, name=5),
        "`Activity(name=5)` cannot be: name is a text.",
    ),
    "a retention of nothing": (
        lambda: Retention(),
        f"`Retention` {LIKE_THIS} missing a required argument: 'model'. Write it as `Retention(model, "
        "ttl=None, "
        "since=None, cap=None, per=None)`.",
    ),
    "a guard of nothing": (
        lambda: guard(),
        f"`guard` {LIKE_THIS} missing a required argument: 'event'. Write it as `guard(event, *, "
        "code=None)`.",
    ),
    "a guard without its event": (
        lambda: guard(known),
        f"`guard` was given {known!r}, where it names a class. Write `@guard(OrderPlaced)`.",
    ),
    "a guard of one event": (
        lambda: guard("Happened"),
        "`guard` was given 'Happened', where it names a class. Write `@guard(OrderPlaced)`.",
    ),
    "a guard that is no function": (
        lambda: guard(Happened)(True),
        "`guard` is for a function, and was given True. Write it above one: `@guard(Happened)`.",
    ),
    "a code that is a number": (
        lambda: guard(Happened, code=5),
        "`guard(code=5)` cannot be: code is a text.",
    ),
    "a condition that is none": (
        lambda: condition("x"),
        "`condition` is for a function, and was given 'x'. Write it above one: `@condition`.",
    ),
    "a condition and a function": (
        lambda: mine & known,
        f"known was combined with {known!r}, which is no condition. Combine functions below "
        "`@condition`, and guard "
        "an event with what comes of it: `guard(OrderCancelled)(owner | admin)`.",
    ),
    "a yes or a condition": (
        lambda: True | mine,
        "known was combined with True, which is no condition. Combine functions below `@condition`, "
        "and guard "
        "an event with what comes of it: `guard(OrderCancelled)(owner | admin)`.",
    ),
    "a policy without its class": (
        lambda: policy(known),
        f"`policy` was given {known!r}, where it names a class. Write `@policy(Order)`.",
    ),
    "a policy that is no function": (
        lambda: policy(Thing)(by_name),
        f"`policy` is for a function, and was given {by_name!r}. Write it above one: `@policy(Thing)`.",
    ),
    "a rule that is no function": (
        lambda: derive(5),
        "`derive` is for a function, and was given 5. Write it above one: `@derive`.",
    ),
    "a rule that is a class": (
        lambda: derive(Thing),
        f"`derive` is for a function, and was given {Thing!r}. Write it above one: `@derive`.",
    ),
    "a rule without a name": (
        lambda: derive(part),
        f"`derive` is for a function, and was given {part!r}. Write it above one: `@derive`.",
    ),
    "a rule that reads one text": (
        lambda: derive(reads="name"),
        "A rule says `reads='name'`, which is no tuple of names. Write `reads=('name',)`.",
    ),
    "a rule by another word": (
        lambda: derive(red=()),
        f"`derive` {LIKE_THIS} it has no 'red'. Write it as `derive(function=None, /, *, reads=(), "
        "renamed_from=None)`.",
    ),
    "a rule that was a function": (
        lambda: derive(renamed_from=5),
        "`derive(renamed_from=5)` cannot be: renamed_from is a text.",
    ),
    "unique by nothing": (
        lambda: Unique(),
        '`Unique()` cannot be declared: it names no field. Write `Unique("email", code="email_taken")`, with '
        "`where=lambda row: ...` if it is to hold of some records only.",
    ),
    "unique by a list": (
        lambda: Unique(["name"]),
        "`Unique(['name'])` cannot be declared: String column name or column expression for DDL constraint "
        'expected, got [\'name\']. Write `Unique("email", code="email_taken")`, with `where=lambda '
        "row: ...` if "
        "it is to hold of some records only.",
    ),
    "unique by another word": (
        lambda: Unique("name", cod="taken"),
        "`Unique('name')` cannot be declared: Additional arguments should be named "
        "<dialectname>_<argument>, got "
        '\'cod\'. Write `Unique("email", code="email_taken")`, with `where=lambda row: ...` if it is '
        "to hold of "
        "some records only.",
    ),
    "a former name that is a class": (
        lambda: Renamed(Thing),
        f"`Renamed(was={Thing!r})` cannot be: was is a text.",
    ),
    "what nobody can take": (
        lambda: takeover(None),
        "`takeover(...)` takes a field, and was given None. Write "
        '`takeover(Field(default=None, foreign_key="holder.id", unique=True))`.',
    ),
}


@pytest.mark.parametrize("mistake", SPOKEN)
def test_a_word_says_what_it_takes(mistake: str) -> None:
    say, text = SPOKEN[mistake]
    with pytest.raises(DeclarationError) as refused:
        say()
    assert str(refused.value) == text


def test_what_goes_wrong_within_a_word_is_no_wrong_word() -> None:
    class Unsaid:
        def __repr__(self) -> str:
            raise TypeError("something else")

    with pytest.raises(TypeError, match="something else"):
        condition(Unsaid())


def test_a_word_is_still_called_what_it_is() -> None:
    assert (on.__name__, guard.__name__) == ("on", "guard")
    assert (on.__doc__ or "").startswith("An event happened")
