"""Templates: texts with `$name`, and with lines that are there for some shapes only.

`%if sync poll` begins such lines, `%else` turns the condition round, `%end` ends it.
"""

from collections.abc import Iterable, Iterator, Mapping
from string import Template


def filled(template: str, shape: str, words: Mapping[str, str]) -> str:
    """The text for a shape, with its words in place. Raises KeyError for a word that is not given."""
    chosen = "\n".join(_lines_for(shape, template.splitlines()))
    return Template(chosen).substitute(words) + "\n" if chosen.strip() else ""


def _lines_for(shape: str, lines: Iterable[str]) -> Iterator[str]:
    open_conditions: list[bool] = []
    for line in lines:
        match line.split():
            case ["%if", *shapes]:
                open_conditions.append(shape in shapes)
            case ["%else"]:
                open_conditions.append(not open_conditions.pop())
            case ["%end"]:
                open_conditions.pop()
            case _:
                if all(open_conditions):
                    yield line
