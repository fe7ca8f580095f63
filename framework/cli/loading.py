"""`millrace load`: the facts of one class from a file of JSON lines, many in each transaction."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from framework.app import App
from framework.cli.errors import LoadStopped, UnreadableRow
from framework.cli.inspection import named
from framework.errors import MillraceError
from framework.model.record import Record


def load(app: App, model: str, file: Path, *, batch: int, skip: int, console: Console | None = None) -> int:
    """Store all rows of the file but the first `skip`, `batch` of them in each transaction; returns how many.

    Raises LoadStopped, which says how to go on, where a batch is refused.
    """
    app.create()
    kind = named(app, model)
    loaded, size = skip, file.stat().st_size
    shown = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with file.open("rb") as lines, Progress(*columns, console=shown) as progress:
        task = progress.add_task(model, total=size, rows=loaded)
        rest = (line for line in lines if line.strip())
        position = sum(map(len, islice(rest, skip)))
        while some := list(islice(rest, batch)):
            try:
                loaded += _load(app, kind, some, start=loaded + 1)
            except MillraceError as error:
                raise LoadStopped(file=file, reason=error, stored=loaded - skip, skip=loaded) from error
            position += sum(map(len, some))
            progress.update(task, completed=position, rows=loaded)
        progress.update(task, completed=size)
    return loaded - skip


def _load(app: App, model: type[Record], lines: Iterable[bytes], *, start: int) -> int:
    with app.transaction() as tx:
        return tx.load(model, _rows(lines, start), start=start)


def _rows(lines: Iterable[bytes], start: int) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, start):
        try:
            yield from_json(line)
        except ValueError as error:
            raise UnreadableRow(number=number, reason=error) from error
