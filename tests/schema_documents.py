"""Documents that a JSON schema allows, for the keywords that the schema of traces uses.

There is a library for it, hypothesis-jsonschema; its last release does not run on the Hypothesis of today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]
KEYWORDS = {"type", "const", "pattern", "minimum", "maximum", "minLength", "maxLength", "$ref"}
KEYWORDS |= {"items", "maxItems", "uniqueItems", "properties", "required", "additionalProperties"}
KEYWORDS |= {"propertyNames", "maxProperties", "description", "title", "$schema", "$defs"}
LONGEST = 5
"""Items of an array, and properties of an object that may have any."""


def documents(schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    """Documents of a part of a ``whole`` schema."""
    assert schema.keys() <= KEYWORDS, f"not understood: {sorted(schema.keys() - KEYWORDS)}"
    if "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        return documents(whole["$defs"][name], whole)
    if "const" in schema:
        return st.just(schema["const"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    makers = {"object": _objects, "array": _arrays, "string": _strings, "integer": _integers}
    return st.one_of([makers[kind](schema, whole) for kind in kinds])


def _objects(schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        names = documents(schema["propertyNames"], whole)
        return st.dictionaries(names, documents(schema["additionalProperties"], whole), max_size=LONGEST)
    parts = {name: documents(part, whole) for name, part in schema["properties"].items()}
    required = {name: parts.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(required, optional=parts)


def _arrays(schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    items = documents(schema["items"], whole)
    return st.lists(items, max_size=LONGEST, unique=schema.get("uniqueItems", False))


def _strings(schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    del whole
    longest = schema.get("maxLength", 1000)
    return st.from_regex(schema["pattern"]).filter(lambda text: len(text) <= longest)


def _integers(schema: Schema, whole: Schema) -> st.SearchStrategy[Any]:
    del whole
    return st.integers(schema["minimum"], schema["maximum"])
