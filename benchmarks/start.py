"""What it takes to start, in processor time, and the memory of an App that does nothing.

Run as a program it measures itself: what was imported before would not be measured.
"""

import json
import subprocess
import sys
from pathlib import Path
from time import process_time

ENTITIES, COMPUTED = 50, 6  # computed properties of each

HEAD = """
from uuid import UUID
from framework import Average, Count, Entity, Every, Field, Relationship, Some, Sum, computed
"""

PAIR = """
class Part{n}(Entity, table=True):
    whole_id: UUID = Field(foreign_key="whole{n}.id")
    cents: int = 0

class Whole{n}(Entity, table=True):
    parts: list[Part{n}] = Relationship()
    count: int = computed(Count(parts))
    dear: int = computed(Count(parts, where=lambda part: part.cents > 100))
    total: int = computed(Sum(parts, lambda part: part.cents))
    mean: float | None = computed(Average(parts, lambda part: part.cents))
    all_paid: bool = computed(Every(parts, lambda part: part.cents > 0))
    any_paid: bool = computed(Some(parts, lambda part: part.cents > 0))
"""


def measured() -> dict[str, str]:
    """What a fresh process finds, as it stands in the report."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.start"], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def main() -> None:
    begun = process_time()
    from framework.app import App

    imported = process_time()
    module: dict[str, object] = {"__name__": "wholes"}
    exec(HEAD + "".join(PAIR.format(n=n) for n in range(ENTITIES)), module)  # our own text
    declared = process_time()
    records = [one for name, one in module.items() if name.startswith(("Part", "Whole"))]
    app = App([records])
    app.create()
    created = process_time()
    kilobytes = resident()
    app.close()
    found = {
        "import of framework.app": f"{imported - begun:.2f} s",
        f"declaring {2 * ENTITIES} entities, {ENTITIES * COMPUTED} computed": f"{declared - imported:.2f} s",
        "their plan and schema": f"{created - declared:.2f} s",
        "idle memory": f"{kilobytes / 1024:.0f} MB",
    }
    sys.stdout.write(json.dumps(found))


def resident() -> int:
    """The kilobytes of memory that this process holds. Its greatest extent would count its parent's, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    main()
