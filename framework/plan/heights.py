"""Heights: how far each node is from the facts, and the circles that have none."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from framework.plan.climbing import climbed
from framework.plan.mistakes import CyclicComputation
from framework.plan.node import FormulaNode, MachineNode, Node, RuleNode, TreeNode
from framework.plan.shape import Route, Shape

Vertex = tuple[Shape, str | None]

Below = dict[Node, list[Node]]
"""By node, those that write what it reads."""


def give_heights(nodes: Sequence[Node]) -> list[TreeNode]:
    """Set the height of each node to one more than the greatest height that it reads; the steps along trees
    that are to be taken beside them.

    A fact is as high as the existence of its record, which is as high as the rules that make it; what no node
    writes has height 0. Raises CyclicComputation with the path of the first circle, unless it leads through a
    rule and a machine (the machine has moved when the rule is applied, and what that makes moves it
    further), or along one key from children to parents, or back.
    """
    below, trees = _below(nodes), list[TreeNode]()
    circle = _measure(below)
    if circle:
        trees = _let_some_wait(below)
        circle = _measure(below)
    if circle:
        _refuse(circle)
    return trees


def _below(nodes: Sequence[Node]) -> Below:
    writers: dict[Vertex, list[Node]] = defaultdict(list)
    for node in nodes:
        for vertex in node.writes:
            writers[vertex].append(node)
    return {
        node: sorted(
            {writer for read in node.reads for writer in writers[vertex_of(read)]}, key=lambda one: one.name
        )
        for node in nodes
    }


def _measure(below: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """Set the heights; the first circle, if there is one."""
    done: set[Node] = set()
    path: list[Node] = []

    def visit(node: Node) -> bool:
        if node in done:
            return True
        if node in path:
            path[:] = [*path[path.index(node) :], node]
            return False
        path.append(node)
        if not all(map(visit, below[node])):
            return False
        node.height = 1 + max((writer.height for writer in below[node]), default=0)
        path.pop()
        done.add(node)
        return True

    return [] if all(map(visit, below)) else path


def _let_some_wait(below: Below) -> list[TreeNode]:
    """Let the rules of circles make their records in the next wave, and what climbs a tree climb it level by
    level: who reads these in the circle comes before them.

    Raises CyclicComputation for a circle without a machine and without a tree: there a value would define
    itself.
    """
    rules = {node for node in below if isinstance(node, RuleNode)}
    defining = _without(below, {node for node in below if isinstance(node, MachineNode)})
    climbers = {one for one in defining if _climbs(one, defining)}
    circle = _measure(_without(defining, climbers))
    if circle:
        _refuse(circle)
    before = {node: list(those) for node, those in below.items()}
    for rule in rules:
        lower = _all_below(rule, before)
        if rule in lower:
            rule.waits = True
            _cut(below, rule, lower)
    trees: dict[frozenset[Node], TreeNode] = {}
    within = _without(before, rules)
    for node in climbers:
        members = frozenset(_circle(node, within))
        if members:
            node.waits = True
            _cut(below, node, members)
            if members not in trees:
                trees[members] = _tree(members, below, before)
            below[trees[members]].append(node)
    return [*trees.values()]


def _tree(members: frozenset[Node], below: Below, before: Below) -> TreeNode:
    """The step along a tree for a circle: after its nodes, and before all others that read them."""
    way = next(way for way in map(climbed, sorted(members, key=lambda one: one.name)) if way is not None)
    tree = TreeNode(
        name=f"{way.shape.name} along {way.key}",
        reads=frozenset(),
        writes=frozenset(),
        shape=way.shape,
        key=way.key,
        may_go_round=any(isinstance(one, MachineNode) for one in members),
    )
    for node in members:
        node.tree = tree
    for node, those in before.items():
        if node not in members and not members.isdisjoint(those):
            below[node].append(tree)
    below[tree] = []
    return tree


def _cut(below: Below, node: Node, readers: Iterable[Node]) -> None:
    for one in readers:
        below[one] = [other for other in below[one] if other is not node]


def _without(below: Mapping[Node, Sequence[Node]], some: Set[Node]) -> Below:
    return {
        node: [one for one in those if one not in some] for node, those in below.items() if node not in some
    }


def _climbs(node: Node, below: Below) -> bool:
    """Whether the node is in a circle of which each turn leads to a parent, or each to a child: where records
    are a tree, it ends.
    """
    way = climbed(node)
    if way is None:
        return False
    return all(climbed(one) == way or isinstance(one, FormulaNode) for one in _circle(node, below))


def _circle(node: Node, below: Below) -> list[Node]:
    """All nodes that are below it, and above it as well."""
    return [one for one in _all_below(node, below) if node in _all_below(one, below)]


def _all_below(node: Node, below: Below) -> set[Node]:
    found: set[Node] = set()
    growing = [node]
    while growing:
        more = set(below[growing.pop()]) - found
        found |= more
        growing += more
    return found


def _refuse(circle: Sequence[Node]) -> None:
    remedy = "Break the circle by storing one as a fact"
    along_a_tree = any(map(_is_along_a_tree, circle))
    if any(isinstance(node, MachineNode) for node in circle):
        instead = "what moves it, or let a rule make an event that it waits for"
        if along_a_tree:
            instead = "a property of the children, such as Every, to change"
        remedy = (
            "A machine cannot wait, in one transaction, for what follows from its own move. "
            f"Let it wait for {instead}"
        )
    elif along_a_tree:
        remedy = (
            "Along a tree, values go up by Sum, Count, WeightedSum, Average, Every and Some, or down by "
            "Lookup, with Formulas between, and by one key: take these, or store one as a fact"
        )
    raise CyclicComputation(path=" <- ".join(one.name for one in circle), remedy=remedy)


def _is_along_a_tree(node: Node) -> bool:
    if isinstance(node, MachineNode):
        routes = [plan.route for plan in node.triggers]
        return any(route.source is route.host and route.key in route.source.references for route in routes)
    route = getattr(node, "route", None)
    return climbed(node) is not None or (isinstance(route, Route) and route.source is route.host)


def vertex_of(read: Vertex) -> Vertex:
    """What somebody writes of what is read: a fact comes, and goes, with its record."""
    shape, name = read
    return read if shape.is_derived(name) else (shape, None)
