"""The checker finds what a vendor would refuse, and lets pass what it accepts."""

from typing import Any

import pytest

from tests.contracts.checker import FORM, JSON, Contract, decode_form

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.0.0",
    "servers": [{"url": "https://vendor.example/api"}],
    "paths": {
        "/books/{book}": {
            "get": {
                "parameters": [
                    {
                        "name": "book",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "maxLength": 4},
                    },
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                ],
                "responses": {"200": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/book"}}}}},
            }
        },
        "/books": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        FORM: {
                            "schema": {
                                "type": "object",
                                "required": ["title"],
                                "additionalProperties": False,
                                "properties": {
                                    "title": {"type": "string"},
                                    "pages": {"type": "integer"},
                                    "lent": {"anyOf": [{"type": "boolean"}, {"enum": ["overdue"]}]},
                                    "tags": {"type": "array", "items": {"type": "string"}},
                                    "notes": {"type": "object", "additionalProperties": {"type": "string"}},
                                },
                            }
                        }
                    },
                },
                "responses": {"4XX": {"content": {JSON: {"schema": {"type": "object"}}}}},
            }
        },
    },
    "components": {
        "schemas": {
            "book": {
                "type": "object",
                "required": ["title"],
                "properties": {"title": {"type": "string"}, "shelf": {"type": "integer", "nullable": True}},
            }
        }
    },
}


@pytest.fixture
def contract() -> Contract:
    return Contract(DESCRIPTION)


def ask(contract: Contract, body: str) -> list[str]:
    return contract.problems_of_request("POST", "/api/books", content_type=FORM, body=body)


def test_a_form_with_brackets_and_repeated_keys_is_decoded() -> None:
    assert decode_form("a=1&b[c]=2&b[d][e]=3&f[]=4&f[]=5&g=6&g=7&h[0]=8") == {
        "a": "1",
        "b": {"c": "2", "d": {"e": "3"}},
        "f": ["4", "5"],
        "g": ["6", "7"],
        "h": {"0": "8"},
    }


@pytest.mark.parametrize("lent", ["true", "overdue"])
def test_a_good_form_has_no_problems(contract: Contract, lent: str) -> None:
    assert ask(contract, f"title=Emma&pages=474&lent={lent}&tags[]=old&tags[]=new&notes[by]=Jane") == []
    assert ask(contract, "title=Emma&tags[0]=old") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("pages=3", "'title' is a required property"),
        ("title=Emma&pages=many", "pages: 'many' is not of type 'integer'"),
        ("title=Emma&lent=perhaps", "lent: 'perhaps' is not valid"),
        ("title=Emma&colour=red", "'colour' was unexpected"),
        ("title=Emma&notes[by][whom]=Jane", "notes.by"),
    ],
)
def test_a_bad_form_is_reported(contract: Contract, body: str, problem: str) -> None:
    assert any(problem in found for found in ask(contract, body))


def test_what_is_not_described_is_reported(contract: Contract) -> None:
    assert contract.problems_of_request("DELETE", "/api/books/1") == ["DELETE /api/books/1 is not described"]
    assert contract.problems_of_request("POST", "/api/books", content_type=JSON, body="{}") == [
        "POST /api/books: content type application/json is not described"
    ]
    assert contract.problems_of_request("POST", "/api/books") == [
        "POST /api/books: content type none is not described"
    ]
    assert contract.problems_of_answer("POST", "/api/books", 500, content_type=JSON, body="{}") == [
        "POST /api/books 500 is not described"
    ]
    assert contract.problems_of_answer("POST", "/api/books", 404, content_type="text/html", body="<p>") == [
        "POST /api/books 404: content type text/html is not described"
    ]


def test_parameters_are_judged(contract: Contract) -> None:
    assert contract.problems_of_request("GET", "/api/books/1", query="limit=3") == []
    assert len(contract.problems_of_request("GET", "/api/books/12345", query="limit=x&size=2")) == 3


def test_an_answer_is_judged_and_null_is_allowed_where_the_description_says_so(contract: Contract) -> None:
    def answer(body: str) -> list[str]:
        return contract.problems_of_answer("GET", "/api/books/1", 200, content_type=JSON, body=body)

    assert answer('{"title": "Emma", "shelf": null, "new": 1}') == []
    assert answer('{"title": null}') == ["GET /api/books/1 200: title: None is not of type 'string'"]
    assert answer("Emma")[0].startswith("GET /api/books/1 200: no JSON")
