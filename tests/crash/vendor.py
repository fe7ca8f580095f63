"""A vendor in a process of its own, whose books are a file: what it was sent, and what it did.

It kills its caller when told to, so that a crash happens exactly between two lines of the protocol.
"""

import json
import os
import signal
import threading
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Murder(StrEnum):
    """When the vendor kills its caller."""

    ON_HEARING = "it has the request and has done nothing"
    AFTER_ACTING = "it has acted and has not answered"


class Books:
    """The vendor's ledger: a line for each request, and a line for each effect."""

    def __init__(self, folder: Path) -> None:
        self.sends = folder / "sends"
        self.effects = folder / "effects"
        for file in (self.sends, self.effects):
            file.touch()

    def sent(self) -> list[str]:
        return self.sends.read_text().split()

    def done(self) -> list[str]:
        return self.effects.read_text().split()


def serve(folder: Path, repeats_nothing: bool, murder: Murder | None, port: Any) -> None:
    """Serve until killed. `repeats_nothing`: a known key has no second effect."""
    books, known, lock = Books(folder), set[str](), threading.Lock()
    victims = [murder] if murder else []

    class Desk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            key, caller = self.headers["idempotency-key"], int(self.headers["x-pid"])
            with lock:
                with books.sends.open("a") as file:
                    file.write(f"{key}\n")
                if Murder.ON_HEARING in victims:
                    return self.kill(caller, Murder.ON_HEARING)
                if key not in known or not repeats_nothing:
                    known.add(key)
                    with books.effects.open("a") as file:
                        file.write(f"{key}\n")
                if Murder.AFTER_ACTING in victims:
                    return self.kill(caller, Murder.AFTER_ACTING)
            return self.answer(200, {"id": f"ch_{key}"})

        def do_GET(self) -> None:
            key = self.path.rpartition("/")[2]
            with lock:
                self.answer(200 if key in known else 404, {"id": f"ch_{key}"})

        def kill(self, caller: int, why: Murder) -> None:
            victims.remove(why)
            os.kill(caller, signal.SIGKILL)
            self.close_connection = True

        def answer(self, status: int, content: dict[str, str]) -> None:
            body = json.dumps(content).encode()
            with suppress(ConnectionError):
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """The books are enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.daemon_threads = True
    port.put(server.server_address[1])
    server.serve_forever()
