"""What is not needed to declare and to dispatch is not brought in with the App: it would double the start."""

import subprocess
import sys

import pytest

NOT_AT_START = frozenset(
    (
        "aiohttp",
        "alembic",
        "fastapi",
        "httpx",
        "psycopg",
        "rich",
        "starlette",
        "structlog",
        "transitions",
        "typer",
    )
)

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


@pytest.mark.parametrize("program", ["import sys, framework.app; print(*sys.modules)", DISPATCH])
def test_the_app_starts_and_dispatches_without_what_others_need(program: str) -> None:
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    brought_in = set(answer.stdout.split())
    assert "framework.app" in brought_in
    assert brought_in.isdisjoint(NOT_AT_START)
