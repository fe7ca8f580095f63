"""Which real vendors were reached by a run, which were not and why, and what was exchanged with whom.

A module of live tests names what it needs in `NEEDS`: environment variables, each also as `<NAME>_REF`. Where
one is missing its tests are skipped with that reason, or fail under `REQUIRE_LIVE=1`. Where all tests of a
vendor have passed, what was exchanged is written to `docs/evidence/<vendor>.json`, without anything secret.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType

import httpx

from framework.cli.path import live
from framework.cli.path.project import Project
from framework.integration.egress import Origin
from framework.integration.manifest import load_manifest
from framework.observe import redactor

ROOT = Path(__file__).resolve().parents[2]
PROJECT = Project(ROOT)
EVIDENCE = PROJECT.live_evidence("any").parent
IDENTIFIER = re.compile(r".*\d.*|.{25,}")
"""What a part of a path is an id by, and not a name of the vendor's API; `v1` and such are none."""
VERSION = re.compile(r"v\d{1,2}")


def vendor_of(module: ModuleType) -> str:
    """The vendor of `tests/integrations/<vendor>/test_<vendor>_live.py`."""
    return Path(module.__file__ or "").parent.name


def missing(needs: Sequence[str], environ: Mapping[str, str] = os.environ) -> list[str]:
    """The variables without which the vendor cannot be reached."""
    return [name for name in needs if not (environ.get(name) or environ.get(f"{name}_REF"))]


def reason(vendor: str, lacking: Sequence[str], integrations: Path = ROOT / "integrations") -> str:
    """Why a vendor was not reached, and where what is missing comes from."""
    obtain = {secret.name: secret.obtain for secret in load_manifest(integrations / vendor).secrets}
    told = [f"{name} is not set" + (f" ({obtain[name]})" if name in obtain else "") for name in lacking]
    return f"{vendor} was not reached: {'; '.join(told)}"


@dataclass
class Reach:
    """What became of the live tests of one vendor."""

    vendor: str
    needs: Sequence[str]
    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unreached: str | None = None
    exchanges: Counter[str] = field(default_factory=Counter)
    is_rehearsal: bool = False

    @property
    def is_proven(self) -> bool:
        """Whether the vendor itself was asked, and did all that was expected."""
        reached = bool(self.exchanges) and self.unreached is None and not self.is_rehearsal
        return reached and bool(self.passed) and not self.failed

    def note(self, request: httpx.Request, status: int) -> None:
        """Something was exchanged. Ids, queries and bodies are nobody's business."""
        self.is_rehearsal |= Origin.of(str(request.url)).is_loopback
        parts = [
            "*" if IDENTIFIER.fullmatch(part) and not VERSION.fullmatch(part) else part
            for part in request.url.path.split("/")
        ]
        text = f"{request.method} {request.url.host}{'/'.join(parts)} -> {status}"
        for name in self.needs:
            value = os.environ.get(name)
            text = text.replace(value, f"<{name}>") if value else text
        self.exchanges[redactor.text(text)] += 1

    def __str__(self) -> str:
        if self.unreached is not None:
            return self.unreached
        if self.is_rehearsal:
            return f"{self.vendor} was not reached: what answered is on this machine"
        if self.failed:
            return f"{self.vendor} was asked, and {len(self.failed)} tests failed: {', '.join(self.failed)}"
        return f"{self.vendor} was reached: {len(self.passed)} tests passed"

    def write(self, folder: Path, at: datetime) -> Path:
        """Write down what was exchanged, if the vendor was reached and did as expected."""
        assert self.is_proven, f"{self.vendor} has proven nothing"
        evidence = live.Evidence(
            integration=self.vendor,
            ran_at=at,
            passed=tuple(sorted(self.passed)),
            failed=0,
            skipped=0,
            digest=live.digest(PROJECT, self.vendor),
            exchanges=dict(sorted(self.exchanges.items())),
        )
        path = folder / f"{self.vendor}.json"
        live.write(path, evidence)
        return path
