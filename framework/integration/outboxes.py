"""The outboxes of a worker: one for each call class, and where there are tenants, for each tenant's calls."""

from collections.abc import Iterable, Set

from framework.integration.desk import Desk
from framework.integration.outbox import Outbox
from framework.plan.shape import Shape
from framework.runtime.engine import Engine
from framework.tenancy import within


class Outboxes:
    """Made when they are first asked for; their statements are compiled once for all tenants."""

    def __init__(self, desks: Iterable[Desk], engine: Engine) -> None:
        self._engine = engine
        self._first = {desk.shape: Outbox(desk, engine.database) for desk in desks}
        self._of: dict[tuple[Shape, str | None], Outbox] = {
            (shape, None): outbox for shape, outbox in self._first.items()
        }

    @property
    def shapes(self) -> Set[Shape]:
        return self._first.keys()

    def of(self, shape: Shape, tenant: str | None) -> Outbox:
        """The outbox of a call class, as far as it is this tenant's."""
        if (shape, tenant) not in self._of:
            self._of[shape, tenant] = self._first[shape].of_tenant(tenant)
        return self._of[shape, tenant]

    def by_tenant(self) -> list[tuple[str | None, list[Outbox]]]:
        """All tenants, each with its outboxes."""
        return [(name, [self.of(shape, name) for shape in self._first]) for name in self._engine.tenants()]

    def is_open(self, shapes: Iterable[Shape]) -> bool:
        """Whether there is a call of these classes that is not over yet."""
        wanted = set(shapes)
        for name, outboxes in self.by_tenant():
            with within(name), self._engine.database.reading() as connection:
                for outbox in outboxes:
                    if outbox.desk.shape in wanted and outbox.next_due(connection) is not None:
                        return True
        return False
