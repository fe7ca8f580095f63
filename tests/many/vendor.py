"""A vendor in a process of its own. Its books are a file: what it began, and what it did, in this order."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NOBODY = "nobody"

TAKES = 0.004
"""Seconds that the vendor needs for each request."""


@dataclass(frozen=True)
class Entry:
    """A line of the books: `begun` with the request, `charged` or `told` when it acts, `done` at the end."""

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


def serve(folder: Path, port: Any) -> None:
    """Serve until killed. A known key has no second effect. What is of nobody fails the first time."""
    known, lock, patience = set[str](), threading.Lock(), threading.Event()
    books = (folder / "books").open("a", buffering=1)

    class Desk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            entry = [self.headers["idempotency-key"], said["of"], said["what"], said["by"]]
            self.write("begun", entry)
            if self.path == "/charges":
                patience.wait(TAKES)
            with lock:
                is_new = entry[0] not in known
                known.add(entry[0])
            fails = is_new and said["of"] == NOBODY
            if is_new and not fails:
                self.write("charged" if self.path == "/charges" else "told", entry)
            self.write("done", entry)
            try:
                self.send_response(503 if fails else 200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
            except ConnectionError:
                self.close_connection = True

        def write(self, kind: str, entry: list[object]) -> None:
            with lock:
                books.write(json.dumps([kind, *entry]) + "\n")

        def log_message(self, *args: object) -> None:
            """The books are enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.daemon_threads = True
    port.put(server.server_address[1])
    server.serve_forever()
