"""The newest few: looked up again whenever one of those that take part came, went or changed."""

from framework.plan.node import CollectNode
from framework.runtime.parameters import bound_to, has_changed
from framework.runtime.steps.selection import refill
from framework.runtime.steps.takers import takers, touched_takers
from framework.runtime.work import Work


def step(node: CollectNode, work: Work) -> None:
    """Read the newest of every host whose takers changed: as many rows as the limit says."""
    if has_changed(work, node.given):
        refill(node, work)
        return
    computation = bound_to(work, node.computation, node.given)
    hosts = touched_takers(node, work, computation.offer)
    work.find_in_order(node.route.host, hosts)
    for id, touched in hosts.items():
        host = work.find(node.route.host, id)
        if host is not None:
            newest = takers(node, work, id, touched, newest=True, limit=node.computation.limit)
            work.set(host, node.property, [computation.offer(one) for one in newest])
