"""The postman of a sandbox: carries its webhooks over real HTTP, and loses some when told to."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from framework.errors import IntegrationError
from framework.integration.client import HTTPClient
from framework.integration.http import open_client
from framework.integration.manifest import BASE_URL
from framework.integration.policy import Policy, Timeout
from framework.testing.faults import Fate, Fault

POLICY = Policy(timeout=Timeout(read=10), concurrency=8)
Sign = Callable[[bytes], Mapping[str, str]]


@dataclass
class Letter:
    """One webhook, and what became of it: the status of each try, or the code of its error.

    `headers` go with every try, beside those that sign it.
    """

    kind: str
    body: bytes
    topic: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tries: list[int | str] = field(default_factory=list)

    @property
    def arrived(self) -> bool:
        last = self.tries[-1] if self.tries else None
        return isinstance(last, int) and 200 <= last < 300


class Postman:
    """Delivers letters in the background, in order within a topic, and again when nobody accepts them.

    Like a vendor it tries again after a refused connection and after any answer but 2xx. Each try is signed
    anew, because signatures carry the time. With no `url` nothing is sent; with `hold` all wait for `flush`.
    """

    def __init__(
        self,
        sign: Sign,
        fate: Fate,
        *,
        url: str | None = None,
        hold: bool = False,
        retry_delays: Sequence[float] = (0.05, 0.2, 0.8, 3.2),
    ) -> None:
        self.url = url
        self.hold = hold
        self.withheld: list[Letter] = []
        self.sent: deque[Letter] = deque(maxlen=10_000)
        self.lost: deque[Letter] = deque(maxlen=10_000)
        self._sign = sign
        self._fate = fate
        self._retry_delays = tuple(retry_delays)
        self._connections = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: HTTPClient | None = None
        self._opened_for: str | None = None
        self._posted = 0
        self._overtaken: list[Letter] = []
        self._rounds: set[asyncio.Task[None]] = set()
        self._last_round: dict[str, asyncio.Task[None]] = {}

    def post(self, letter: Letter) -> None:
        """Take a letter. It leaves now, or as the faults decide."""
        if self.url is None:
            return
        self._posted += 1
        if self._fate.strikes(Fault.LOST_WEBHOOKS, self._posted):
            self.lost.append(letter)
        elif self.hold:
            self.withheld.append(letter)
        elif self._fate.strikes(Fault.REORDER_WEBHOOKS, self._posted):
            self._overtaken.append(letter)
        else:
            copies = 2 if self._fate.strikes(Fault.DUPLICATE_WEBHOOKS, self._posted) else 1
            self._go([letter] * copies + self._take_overtaken())

    def flush(self, kind: str | None = None) -> int:
        """Send what was withheld (of one kind, or all) and what was being overtaken; say how many left."""
        leaving = [letter for letter in self.withheld if kind in (None, letter.kind)]
        self.withheld = [letter for letter in self.withheld if letter not in leaving]
        leaving += self._take_overtaken()
        if leaving:
            self._go(leaving)
        return len(leaving)

    async def idle(self) -> None:
        """Return when every letter that left has arrived or was given up."""
        while self._rounds:
            await asyncio.wait(set(self._rounds))

    async def aclose(self) -> None:
        for a_round in tuple(self._rounds):
            a_round.cancel()
        await self.idle()
        await self._connections.aclose()
        self._client = None

    def _take_overtaken(self) -> list[Letter]:
        overtaken, self._overtaken = self._overtaken, []
        return overtaken

    def _go(self, letters: Sequence[Letter]) -> None:
        before = {self._last_round[letter.topic] for letter in letters if letter.topic in self._last_round}
        a_round = asyncio.create_task(self._carry(letters, before))
        self._rounds.add(a_round)
        for letter in letters:
            self._last_round[letter.topic] = a_round
        a_round.add_done_callback(partial(self._came_back, [letter.topic for letter in letters]))

    def _came_back(self, topics: Sequence[str], a_round: asyncio.Task[None]) -> None:
        self._rounds.discard(a_round)
        for topic in topics:
            if self._last_round.get(topic) is a_round:
                del self._last_round[topic]

    async def _carry(self, letters: Sequence[Letter], before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        for letter in letters:
            self.sent.append(letter)
            await self._deliver(letter)

    async def _deliver(self, letter: Letter) -> None:
        for delay in (*self._retry_delays, None):
            letter.tries.append(await self._try(letter))
            if letter.arrived or delay is None:
                return
            await asyncio.sleep(delay)

    async def _try(self, letter: Letter) -> int | str:
        assert self.url is not None, "A letter leaves only when there is an address"
        headers = {"content-type": "application/json", **letter.headers, **self._sign(letter.body)}
        try:
            client = await self._open_client(self.url)
            answer = await client.post(self.url, content=letter.body, headers=headers)
        except IntegrationError as error:
            return error.code
        return answer.status_code

    async def _open_client(self, url: str) -> HTTPClient:
        """The client for this address. One for an earlier address may still work, and closes at the end."""
        async with self._opening:
            if self._client is None or self._opened_for != url:
                opened = open_client(url, [BASE_URL], POLICY, manifest="the address of the webhook")
                self._client, self._opened_for = await self._connections.enter_async_context(opened), url
            return self._client
