"""What rules keep equal to its source does not follow anything else: not out of the way, not to None."""

from uuid import UUID

from framework.plan.shape import Shape
from framework.runtime.errors import KeptByRule
from framework.runtime.followed import Followed
from framework.runtime.parameters import given_to
from framework.runtime.seen import seen
from framework.runtime.steps.rule import made
from framework.runtime.work import Work
from framework.storage.codec import Row
from framework.storage.tables import MADE_BY


def refuse_losses(work: Work) -> None:
    """Raise KeptByRule where a rule, after all has followed, still makes what went by a cascade.

    Its source may have gone or changed in the same transaction; then the rule has seen to it.
    """
    left: dict[Shape, dict[str, Row]] = {}
    for one in work.followed:
        if one.shape not in left:
            rows = [change.after_row for change in work.rows.get(one.shape, {}).values()]
            left[one.shape] = {row[MADE_BY]: row for row in rows if row is not None}
        _check(work, one, left[one.shape].get(one.made_by))


def _check(work: Work, one: Followed, left: Row | None) -> None:
    rule, source_id, position = one.made_by.rsplit(":", 2)
    maker = next((node for node in one.shape.makers if node.key == rule), None)
    if maker is None or maker.once:
        return
    source = work.find(maker.source, UUID(hex=source_id))
    record = None if source is None else seen(source, maker.lens).after
    records = [] if record is None else made(maker, record, *given_to(work, maker.given))
    if int(position) >= len(records) or type(records[int(position)]) is not one.shape.model:
        return
    wanted = records[int(position)].__dict__
    if left is None or (one.key is not None and left[one.key] != wanted[one.key]):
        raise KeptByRule(
            model=one.shape.name,
            id=one.id,
            rule=maker.rule.name,
            source=maker.source.name,
            source_id=UUID(hex=source_id),
        )
