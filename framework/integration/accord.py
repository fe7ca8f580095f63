"""The accord: the workers of many processes keep the limits of each integration together.

1. Whenever somebody joins or leaves, each takes its new share of every limit, all by the same rule.
2. What a vendor says to one is told to all: to wait, that it is not well or well again, what needs attention.
3. Who does not work but is asked how vendors are hears that, too, and asks for it when he comes.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from framework.integration.executor import Executor
from framework.integration.gate import Gate
from framework.integration.notice import Notice
from framework.integration.share import Crew, share, whole
from framework.integration.tidings import Tidings
from framework.runtime.engine import Engine


class Accord:
    """Of one process with all others. Alone, its gates have the whole of every limit.

    `leading`: the integrations of which the leader does something, so that it must have a share.
    """

    def __init__(
        self, engine: Callable[[], Engine], gates: Mapping[str, Gate], leading: Collection[str]
    ) -> None:
        self._engine = engine
        self._gates = gates
        self._leading = leading
        self._crew: Crew | None = None
        self._executor: Executor | None = None
        for gate in gates.values():
            gate.tell = self._tell

    @contextmanager
    def kept(self, executor: Executor) -> Iterator[None]:
        """Take part while the block runs, with the worker of this executor."""
        executor.sharers.append(self._divide)
        executor.hearers.append(self._hear)
        self._executor, clock = executor, self._engine().clock
        try:
            yield
        finally:
            self._crew = self._executor = None
            for gate in self._gates.values():
                gate.divide(whole(gate.policy), clock.now())

    def _divide(self, crew: Crew) -> None:
        """So many are at work from now on."""
        now, many = self._engine().clock.now(), len(crew.workers)
        is_new = self._crew is None and many > 1
        self._crew = crew
        for name, gate in self._gates.items():
            place = crew.place(name, leader_first=name in self._leading)
            gate.divide(share(gate.policy, place, many), now, is_new=is_new)

    def listen(self, notice: Notice) -> None:
        """Hear what is told, without a worker. Who was deaf takes all vendors for well."""
        if self._executor is not None:  # who works after all hears for himself
            return
        if notice.missed:
            for gate in self._gates.values():
                gate.forget_all()
        if notice.tidings is not None and notice.tidings.integration in self._gates:
            self._gates[notice.tidings.integration].hear(notice.tidings, self._engine().clock.now())

    def _hear(self, notice: Notice) -> None:
        now = self._engine().clock.now()
        if notice.joined or notice.asks:
            for gate in self._gates.values():
                for tidings in gate.known(now, works=bool(notice.joined)):
                    self._tell(tidings, answer=bool(notice.asks))
        if notice.missed:
            for gate in self._gates.values():
                gate.doubt()
        if notice.tidings is not None and notice.tidings.integration in self._gates and not notice.answer:
            self._gates[notice.tidings.integration].hear(notice.tidings, now)
            if self._executor is not None:
                self._executor.ring()

    def _tell(self, tidings: Tidings, *, answer: bool = False) -> None:
        engine = self._engine()
        if engine.database.crier is not None:
            notice = Notice(by=engine.token, tidings=tidings, answer=answer)
            engine.database.crier.cry(notice.text(), to_all=True)
