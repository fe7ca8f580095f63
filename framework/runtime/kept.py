"""What rules keep equal to its source does not follow anything else: not out of the way, not to None."""

from uuid import UUID

from framework.runtime.errors import KeptByRule
from framework.runtime.followed import Followed
from framework.runtime.parameters import given_to
from framework.runtime.seen import seen
from framework.runtime.steps.rule import made
from framework.runtime.work import Work
from framework.storage.tables import MADE_BY


def refuse_losses(work: Work) -> None:
    """Raise KeptByRule where a rule, after all has followed, still makes what went by a cascade.

    Its source may have gone or changed in the same transaction; then the rule has seen to it.
    """
    for one in work.followed:
        _check(work, one)


def _check(work: Work, one: Followed) -> None:
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
    there = [
        change.after_row
        for change in work.rows.get(one.shape, {}).values()
        if change.after_row is not None and change.after_row[MADE_BY] == one.made_by
    ]
    if not there or (one.key is not None and there[0][one.key] != wanted[one.key]):
        raise KeptByRule(
            model=one.shape.name,
            id=one.id,
            rule=maker.rule.name,
            source=maker.source.name,
            source_id=UUID(hex=source_id),
        )
