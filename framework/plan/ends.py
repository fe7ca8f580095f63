"""The rule behind a symmetric link: it has two ends, as long as it is there."""

from typing import Any

from framework.computations.rule import Rule


def rule_of_ends(model: Any) -> Rule[Any, Any]:
    """The rule that makes the ends of each link, and keeps them equal to it."""
    link, keys = model.__link__, model.__keys__

    def ends(record: Any) -> Any:
        """A pair in the order of ids, so that it is one pair whichever way it is written."""
        one, other = (getattr(record, key) for key in keys)
        if one is None or other is None:
            return []
        low, high = sorted((one, other))
        pairs = [(low, high)] if low == high else [(low, high), (high, low)]
        return [model(**dict(zip(keys, pair, strict=True))) for pair in pairs]

    ends.__module__ = link.__module__
    ends.__name__ = f"{link.__tablename__}_ends"
    ends.__qualname__ = f"{link.__qualname__}.ends"
    ends.__annotations__ = {"record": link, "return": list[model]}
    return Rule(ends, tuple(getattr(link, key) for key in keys))
