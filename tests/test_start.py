"""What is not needed to declare and to dispatch is not brought in with the App: it would double the start."""

import subprocess
import sys

import pytest

OF_OTHERS = """
    aiohttp alembic anyio fastapi httpx psycopg pydantic_settings rich starlette structlog transitions typer
    sqlalchemy.dialects.postgresql framework.cli framework.integration framework.migration
    framework.plan.graph framework.runtime.explain framework.runtime.sweeping framework.runtime.tracing
    framework.storage.postgres framework.testing framework.web
"""
OF_A_DATABASE = "sqlite3 sqlalchemy.dialects.sqlite framework.runtime.turns framework.storage.sqlite"

IMPORT = "import sys, framework.app; print(*sys.modules)"
DISPATCH = """
import sys
from framework import Entity, Event, derive
from framework.app import App


class Asked(Event, table=True):
    text: str


class Question(Entity, table=True):
    text: str


@derive
def question(asked: Asked) -> Question:
    return Question(text=asked.text)


app = App([[Asked, Question, question]])
app.create()
app.dispatch(Asked(text="why?"))
print(*sys.modules)
"""


@pytest.mark.parametrize(("program", "absent"), [(IMPORT, OF_A_DATABASE + OF_OTHERS), (DISPATCH, OF_OTHERS)])
def test_the_app_starts_and_dispatches_without_what_others_need(program: str, absent: str) -> None:
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    brought_in = set(answer.stdout.split())
    assert "framework.app" in brought_in
    assert sorted(brought_in.intersection(absent.split())) == []
