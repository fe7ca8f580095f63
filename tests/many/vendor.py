"""A vendor in a process of its own, whose books are a file: what was asked of it, and what it did."""

import json
import socket
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NOBODY = "nobody"
"""What is of nobody finds the vendor busy."""

TAKES = 0.004
"""Seconds that the vendor needs for each request."""

SLOW, LATE = 0.2, 0.8
"""Seconds that it needs when it is slow, and after which nobody waits for its answer any more."""

SECRET = "a-secret-of-vendor-and-shop"


class Mood(StrEnum):
    """What the vendor does with a key that it has not seen; what it has seen it answers."""

    PLAIN = "it acts and answers"
    BUSY = "it answers 503 and does nothing"
    SLOW = "it takes its time, acts and answers"
    LATE = "it acts, and answers when nobody waits any more"
    MUTE = "it acts and hangs up"
    REFUSES = "it answers 402 and does nothing, now and always"
    LOCKED = "it answers 401 and does nothing"
    NEVER = "it answers 503 and does nothing, now and always"


UNWILLING = {Mood.REFUSES: 402, Mood.BUSY: 503, Mood.LOCKED: 401, Mood.NEVER: 503}
"""What it answers who finds it so."""


class News(StrEnum):
    """How it tells what came of a shipment. Whatever it told, or tried to tell, it says when asked."""

    NONE = "not at all"
    AFTER = "after its answer"
    BEFORE = "before its answer"
    TWICE = "before and after"


@dataclass(frozen=True)
class Entry:
    """A line of the books: `begun` with the request, `charged`, `shipped`, `posted` or `told` when it acts,
    `done` at the end; `overlapped` if somebody else was waiting for an answer about the same customer.
    """

    kind: str
    key: str
    of: str
    what: object
    by: int


class Books:
    """What the vendor has written."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "books"
        self.file.touch()

    def entries(self, *kinds: str) -> Sequence[Entry]:
        whole = self.file.read_text().rpartition("\n")[0]
        found = [Entry(*json.loads(line)) for line in whole.splitlines()]
        return [entry for entry in found if entry.kind in kinds]


ACTS = {"/charges": "charged", "/shipments": "shipped", "/letters": "posted"}


def serve(folder: Path, port: Any) -> None:
    """Serve until killed. A known key has no second effect. News goes to the ports in the file `doors`."""
    lock, patience = threading.Lock(), threading.Event()
    seen, acted = set[str](), set[str]()
    waiting = defaultdict[str, list[socket.socket]](list)
    books = (folder / "books").open("a", buffering=1)

    class Desk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            key = self.headers["idempotency-key"]
            mood = Mood.BUSY if said["of"] == NOBODY else Mood(said.get("mood", Mood.PLAIN))
            entry = [key, said["of"], said["what"], said["by"]]
            with lock:
                is_new = key not in seen
                seen.add(key)
                others = [one for one in waiting[said["of"]] if is_open(one)]
                waiting[said["of"]].append(self.connection)
            self.write("begun", entry)
            if said["of"] and others:
                self.write("overlapped", entry)
            try:
                self.carry_out(entry, mood, is_new, said.get("news", News.NONE))
            except ConnectionError:
                self.close_connection = True

        def carry_out(self, entry: list[Any], mood: Mood, is_new: bool, news: str) -> None:
            if mood in UNWILLING and (is_new or mood in (Mood.REFUSES, Mood.NEVER)):
                self.done(entry)
                return self.answer(UNWILLING[mood])
            if self.path == "/charges":
                patience.wait(SLOW if mood == Mood.SLOW and is_new else TAKES)
            with lock:
                acts = entry[0] not in acted
                acted.add(entry[0])
            if acts:
                self.write(ACTS.get(self.path, "told"), entry)
                if news in (News.BEFORE, News.TWICE):
                    self.tell(entry[0])
            if mood == Mood.LATE and is_new:
                patience.wait(LATE)
            self.done(entry)
            if mood == Mood.MUTE and is_new:
                self.close_connection = True
            else:
                self.answer(200, entry[0])
            if acts and news in (News.AFTER, News.TWICE):
                self.tell(entry[0])
            return None

        def done(self, entry: list[Any]) -> None:
            with lock:
                waiting[entry[1]].remove(self.connection)
            self.write("done", entry)

        def do_GET(self) -> None:
            key = self.path.rpartition("/")[2].removeprefix("s-")
            if key != "shipments":
                return self.answer(200 if key in acted else 404, key)
            with lock:
                return self.say(200, {"ids": [f"s-{key}" for key in acted if key.startswith("carrier:")]})

        def tell(self, key: str) -> None:
            """Bring the news, now if somebody is there to take it, else as soon as somebody is."""
            if not delivered(folder, key):
                threading.Thread(target=insist, args=(key,), daemon=True).start()

        def answer(self, status: int, key: str = "") -> None:
            self.say(status, {"id": f"s-{key}"})

        def say(self, status: int, what: object) -> None:
            body = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def write(self, kind: str, entry: list[object]) -> None:
            with lock:
                books.write(json.dumps([kind, *entry]) + "\n")

        def log_message(self, *args: object) -> None:
            """The books are enough."""

    def insist(key: str) -> None:
        while not delivered(folder, key):
            patience.wait(0.02)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.daemon_threads = True
    port.put(server.server_address[1])
    server.serve_forever()


def delivered(folder: Path, key: str) -> bool:
    """Whether somebody behind one of the doors took the news of a shipment."""
    headers = {"x-secret": SECRET, "content-type": "application/json"}
    for door in json.loads((folder / "doors").read_text()):
        with (
            closing(HTTPConnection("127.0.0.1", door, timeout=2)) as connection,
            suppress(OSError, HTTPException),
        ):
            body = json.dumps({"id": f"s-{key}", "event": f"e-{key}"})
            connection.request("POST", "/webhooks/carrier/events", body, headers)
            if connection.getresponse().status == 200:
                return True
    return False


def is_open(connection: socket.socket) -> bool:
    """Whether somebody is still at the other end."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
