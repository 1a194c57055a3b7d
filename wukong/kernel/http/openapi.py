"""What every operation of the OpenAPI document shares: the form of errors, the key of a POST that may be repeated."""

from typing import Any

from drf_spectacular.plumbing import get_lib_doc_excludes

from wukong.kernel.http.serializers import Strict

_ERROR = {
    "type": "object",
    "description": "Every refusal has this form; docs/api.md lists the codes.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "example": "invalid"},
                "message": {"type": "string", "description": "A sentence for people."},
                "details": {
                    "type": "object",
                    "additionalProperties": {},
                    "description": "For programs; of `invalid` the fields with their texts.",
                },
            },
            "required": ["code", "message", "details"],
        }
    },
    "required": ["error"],
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "The same key, path and body within 24 hours get the stored answer and `Idempotent-Replayed: true`.",
}


def bases_without_a_word() -> list[type]:
    """Return the classes whose docstrings are for programmers of ours, not for readers of the API."""
    return [*get_lib_doc_excludes(), Strict]  # type: ignore[no-untyped-call]


def add_what_all_share(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Name the error of each operation, and Idempotency-Key with each POST."""
    result["components"]["schemas"]["Error"] = _ERROR
    answer = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        "description": "Error",
    }
    for path in result["paths"].values():
        for method, operation in path.items():
            operation["responses"]["default"] = answer
            if method == "post":
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return result
