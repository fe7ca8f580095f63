"""A judge of HTTP exchanges by a vendor's OpenAPI description.

Plain JSON Schema 2020-12 after two translations: `nullable` becomes `anyOf` with null, and forms (brackets,
repeated keys) become nested values of the described types. A status or content type that the description does
not mention is a problem like any other. Every check returns the problems it found; none is good.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = Any
HERE = "urn:description"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Contract:
    """One vendor's description, ready to judge requests and answers."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._document = _in_plain_schema(description)
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(HERE, resource)
        servers = self._document.get("servers") or [{"url": ""}]
        self._base = urlsplit(servers[0]["url"]).path.rstrip("/")

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(json.loads(path.read_text()))

    def problems_of_request(
        self, method: str, path: str, *, query: str = "", content_type: str = "", body: str | bytes = b""
    ) -> list[str]:
        """What is wrong with this request; an operation that is not described is a problem."""
        operation, parameters, in_path = self._find(method, path)
        if operation is None:
            return [f"{method} {path} is not described"]
        where = f"{method} {path}"
        return [
            *self._problems_of_parameters(f"{where} query", parameters, "query", decode_form(query)),
            *self._problems_of_parameters(f"{where} path", parameters, "path", in_path),
            *self._problems_of_body(where, operation.get("requestBody", {}), content_type, body),
        ]

    def problems_of_answer(
        self, method: str, path: str, status: int, *, content_type: str, body: str | bytes
    ) -> list[str]:
        """What is wrong with this answer; a status that is not described is a problem."""
        operation, _, _ = self._find(method, path)
        if operation is None:
            return [f"{method} {path} is not described"]
        answers = operation["responses"]
        described = answers.get(str(status)) or answers.get(f"{status // 100}XX") or answers.get("default")
        where = f"{method} {path} {status}"
        if described is None:
            return [f"{where} is not described"]
        return self._problems_of_body(where, self._resolve(described), content_type, body)

    def problems_of(self, schema: str, value: Json) -> list[str]:
        """What is wrong with this value, by a named schema of the description."""
        return self._problems(schema, {"$ref": f"{HERE}#/components/schemas/{schema}"}, value)

    def _find(
        self, method: str, path: str
    ) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]], dict[str, str]]:
        below = path.removeprefix(self._base)
        # A literal part wins over a variable one, so fewer variables come first.
        for template in sorted(self._document["paths"], key=lambda template: (template.count("{"), template)):
            match = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)), below)
            item = self._document["paths"][template]
            if match and method.lower() in item:
                operation = item[method.lower()]
                declared = [*item.get("parameters", []), *operation.get("parameters", [])]
                parameters = [self._resolve(one) for one in declared]
                return (
                    operation,
                    parameters,
                    {name: unquote(part) for name, part in match.groupdict().items()},
                )
        return None, [], {}

    def _problems_of_parameters(
        self, where: str, parameters: Sequence[Mapping[str, Any]], place: str, given: Mapping[str, Json]
    ) -> Iterator[str]:
        described = {one["name"]: one for one in parameters if one["in"] == place}
        # `tags[]` in a description and `tags[]=` on the wire both mean the list `tags`.
        described = {name.removesuffix("[]"): one for name, one in described.items()}
        for name in given.keys() - described.keys():
            yield f"{where}: {name} is not described"
        for name, one in described.items():
            schema = one.get("schema", {})
            if name in given:
                yield from self._problems(f"{where} {name}", schema, self._typed(given[name], schema))
            elif one.get("required"):
                yield f"{where}: {name} is missing"

    def _problems_of_body(
        self, where: str, described: Mapping[str, Any], content_type: str, body: str | bytes
    ) -> list[str]:
        contents = self._resolve(described).get("content", {})
        text = body.decode() if isinstance(body, bytes) else body
        kind = content_type.partition(";")[0].strip().lower()
        if not text and not described.get("required") and (not contents or not kind):
            return []
        if kind not in contents:
            return [f"{where}: content type {kind or 'none'} is not described"]
        schema = contents[kind].get("schema", {})
        match kind:
            case _ if kind == FORM:
                return self._problems(where, schema, self._typed(decode_form(text), schema))
            case _ if kind == JSON or kind.endswith("+json"):
                try:
                    return self._problems(where, schema, json.loads(text))
                except json.JSONDecodeError as error:
                    return [f"{where}: no JSON: {error}"]
            case _:
                return []

    def _problems(self, where: str, schema: Mapping[str, Any], value: Json) -> list[str]:
        return [
            f"{where}: {'.'.join(map(str, error.absolute_path)) or '(whole)'}: {error.message[:300]}"
            for error in self._validator(schema).iter_errors(value)
        ]

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        return Draft202012Validator(schema, registry=self._registry)

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            target: Any = self._document
            for part in schema["$ref"].removeprefix(f"{HERE}#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            schema = target
        return schema

    def _typed(self, value: Json, schema: Mapping[str, Any]) -> Json:
        """The value of a form as the type that the schema gives it; text that does not fit stays text."""
        schema = self._resolve(schema)
        for branch in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            typed = self._typed(value, branch)
            if self._validator(branch).is_valid(typed):
                return typed
        match value, schema.get("type"):
            case str(), "integer" if re.fullmatch(r"-?\d+", value):
                return int(value)
            case str(), "number" if re.fullmatch(r"-?\d+(\.\d+)?", value):
                return float(value)
            case "true" | "false", "boolean":
                return value == "true"
            case dict(), "array" if value and all(key.isdecimal() for key in value):
                value = [value[key] for key in sorted(value, key=int)]
                return [self._typed(one, schema.get("items", {})) for one in value]
            case list(), _:
                return [self._typed(one, schema.get("items", {})) for one in value]
            case str(), "array":
                return [self._typed(value, schema.get("items", {}))]
            case dict(), _:
                known, other = schema.get("properties", {}), schema.get("additionalProperties")
                rest = other if isinstance(other, dict) else {}
                return {key: self._typed(one, known.get(key, rest)) for key, one in value.items()}
            case _:
                return value


def decode_form(text: str) -> dict[str, Json]:
    """Nested values of a form body or query: `a[b]=1` is a mapping, `a[]=1` and a repeated key are lists."""
    decoded: dict[str, Json] = {}
    for key, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
        name, *parts = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", key)
        _put(decoded, [name, *parts], value)
    return decoded


def _put(target: dict[str, Json], path: Sequence[str], value: str) -> None:
    head, *rest = path
    if rest and rest != [""]:
        _put(target.setdefault(head, {}), rest, value)
    elif rest or head in target:
        before = target.get(head, [])
        target[head] = [*(before if isinstance(before, list) else [before]), value]
    else:
        target[head] = value


def _in_plain_schema(schema: Json) -> Json:
    """The same description with `nullable: true` said in JSON Schema, and references good anywhere."""
    if isinstance(schema, list):
        return [_in_plain_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _in_plain_schema(one) for key, one in schema.items()}
    if isinstance(plain.get("$ref"), str) and plain["$ref"].startswith("#"):
        plain["$ref"] = HERE + plain["$ref"]
    if plain.get("nullable") is True:
        del plain["nullable"]
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
