"""Adds a view to a blueprint together with what the OpenAPI page says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema

from plugin.web.schemas import ErrorAnswerSchema


class Says(NamedTuple):
    """What one status of an answer means, and its body's shape: a refusal's, and JSON, if nothing else is said."""

    description: str
    schema: type[Schema] = ErrorAnswerSchema
    content_type: str | None = None


def add_route(
    blueprint: Blueprint,
    method: str,
    path: str,
    view: Callable[..., Response],
    answers: Mapping[int, Says],
    **doc: Any,
) -> None:
    """Serve ``view`` at ``path``; ``answers`` begins with the usual one, ``doc`` are further OpenAPI entries.

    Views read requests and build answers themselves: flask-smorest only documents them.
    """
    documented: Any = view
    (usual, says), *others = answers.items()
    for status, other in others:
        documented = blueprint.alt_response(status, schema=_shape(other), description=other.description)(documented)
    usually = blueprint.response(usual, _shape(says), description=says.description, content_type=says.content_type)
    documented = usually(documented)
    if doc:
        documented = blueprint.doc(**doc)(documented)
    blueprint.route(path, methods=[method])(documented)


def _shape(says: Says) -> Schema:
    return _only(says.schema)


@cache
def _only(kind: type[Schema]) -> Schema:
    """One for all views: flask-smorest copies what it knows of a view at each step, and a schema is large."""
    one = kind()
    setattr(one, "__deepcopy__", lambda _: one)  # noqa: B010 (a type of its own would be another schema to apispec)
    return one
