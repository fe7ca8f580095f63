"""Climbing a tree of records, level by level; who would be above itself is refused."""

from collections.abc import Callable, Iterator
from uuid import UUID

from framework.plan.node import AdditiveNode, LookupNode, Node, TreeNode
from framework.runtime.doomed import doom, take_doomed
from framework.runtime.errors import CircularRecords
from framework.runtime.put_off import refuse_endless, take_along
from framework.runtime.recomputation import Expectation, Recomputation
from framework.runtime.steps.additive import climb
from framework.runtime.steps.lookup import descend
from framework.runtime.work import Work


def step(tree: TreeNode, work: Work, carry_out: Callable[[Node, Work], None]) -> None:
    """Go along the tree until nothing is another value.

    1. Tell the database what there is.
    2. Carry out the steps that are due, by what the last level changed: on a working set of their own, so
       that differences are those of one level.
    3. Let what is between follow. All others are woken, and run when this is over: they see the end alone.
    4. What has changed is changed by the transaction; go on with 2.
    """
    seen_by, waiting, number = work, take_along(work, tree), 0
    work.changes(tree.shape)  # what waits to be added is added now
    work.flush()
    while waiting:
        number += tree.may_go_round
        refuse_endless(number, [tree])
        level = _level(tree, work)
        if seen_by is work:
            _refuse_circles(tree, work, level)
        for node in waiting:
            if isinstance(node, AdditiveNode):
                climb(node, seen_by, level)
            elif isinstance(node, LookupNode):
                descend(node, seen_by, level)
        for node in level.due:
            carry_out(node, level)
        for one in take_doomed(level):
            doom(work, *one)
        waiting, seen_by = take_along(level, tree), level
        level.hand_over_moves(work)
        level.finish(complete=True)
        level.connection.settle()
        work.absorb(level)


def expected(tree: TreeNode, facts: Recomputation) -> Iterator[Expectation]:
    """Nothing: each node of the tree says what it should be, by those next to it."""
    yield from ()


def _level(tree: TreeNode, work: Work) -> Work:
    """A working set whose changes wake what goes along the tree there, and all else in the transaction."""
    level = work.next_wave()
    within = level.wake

    def wake(node: Node) -> None:
        if node.tree is tree:
            within(node)
        elif node is not tree:
            work.wake(node)

    level.wake = wake
    return level


def _refuse_circles(tree: TreeNode, changed: Work, work: Work) -> None:
    """Raises CircularRecords if a record that has another parent now is above itself.

    All above are locked, so that two transactions do not make a circle of which each has seen a half.
    """
    rooted: set[UUID] = set()
    for change in changed.changes(tree.shape):
        row = change.after_row
        if row is None or row[tree.key] is None or not change.differs({tree.key}):
            continue
        path, above = {change.id: None}, row[tree.key]
        while above is not None and above not in rooted:
            if above in path:
                circle = " in ".join(f"{tree.shape.name} {id}" for id in (*path, above))
                raise CircularRecords(model=tree.shape.name, field=tree.key, circle=circle)
            path[above] = None
            found = work.find(tree.shape, above)
            above = None if found is None or found.after_row is None else found.after_row[tree.key]
        rooted |= path.keys()
