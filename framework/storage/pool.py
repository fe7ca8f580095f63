"""A pool of connections to a server."""

from collections import deque
from queue import Empty, SimpleQueue
from typing import Protocol

import psycopg

from framework.storage.errors import DatabaseBusy
from framework.storage.wire import WiredConnection

_IDLE = psycopg.pq.TransactionStatus.IDLE


class Connect(Protocol):
    """Opens one connection."""

    def __call__(self) -> WiredConnection:
        """A connection that nobody else has."""


class Pool:
    """Up to `size` connections, each of one thread at a time; who comes when all are taken waits for
    `patience`.
    """

    def __init__(self, connect: Connect, url: str, *, size: int, patience: float) -> None:
        self._connect = connect
        self._url = url
        self._patience = patience
        self._idle: deque[WiredConnection] = deque()
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._places.put(None)
        self._closed = False

    def take(self) -> WiredConnection:
        """A connection of one's own until it is given back."""
        try:
            self._places.get(timeout=self._patience)
        except Empty:
            raise DatabaseBusy(url=self._url, seconds=self._patience) from None
        try:
            while True:
                try:
                    connection = self._idle.pop()
                except IndexError:
                    return self._connect()
                if connection.is_alive():
                    return connection
                connection.close()
        except BaseException:
            self._places.put(None)
            raise

    def give(self, connection: WiredConnection) -> None:
        """Give a connection back; one in the midst of something, or broken, is not used again."""
        if self._closed or connection.pgconn.transaction_status != _IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        self._places.put(None)

    def close(self) -> None:
        """Close all connections, those that are taken when they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
