"""The table of what has gone wrong elsewhere is true: every test in it exists, and names the thread."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "acceptance" / "documents-threads.md"
LEAST = 45  # rows


def rows() -> list[tuple[str, str]]:
    """Return (thread, what stands in the last column) of each row."""
    found = re.findall(r"^\| (.+?) \| .+? \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    return [(thread, tests) for thread, tests in found if thread != "thread"]


def named_in(tests: str) -> list[tuple[str, str]]:
    """Return (path, name) of the tests in a column."""
    return re.findall(r"`([^`]+?)::([^`]+)`", tests)


def source_of(path: str, name: str) -> str | None:
    """Return what a test says, with the head of its file; None: there is no such test."""
    file = ROOT / path
    if not file.is_file():
        return None
    text = file.read_text()
    if file.suffix == ".ts":
        return text if re.search(rf'^\s*(test|\]\))\(?.*"{re.escape(name)}"', text, re.MULTILINE) else None
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return f"{ast.get_docstring(tree)}\n{ast.get_source_segment(text, node)}"
    return None


def test_every_thread_has_a_test_that_exists_or_a_reason():
    found = rows()

    wrong = []
    for thread, tests in found:
        named = named_in(tests)
        is_explained = bool(named) or tests.startswith("does not apply: ")
        wrong += [] if is_explained else [f"{thread}: no test"]
        wrong += [f"{thread}: {path}::{name}" for path, name in named if source_of(path, name) is None]

    assert wrong == []
    assert len(found) >= LEAST


def test_every_thread_is_named_by_one_of_its_tests():
    unnamed = []
    for thread, tests in rows():
        if tests.startswith("does not apply: "):
            continue
        told = "\n".join(source_of(path, name) or "" for path, name in named_in(tests))
        project = thread.split(" ")[0].split("/")[-1].strip(",:")
        numbers = re.findall(r"#\d+\b|GHSA[\w-]+", thread)
        missing = [number for number in numbers if not re.search(rf"{number}\b", told)]
        if numbers and (missing or project.lower() not in told.lower()):
            unnamed.append(f"{thread}: {missing or project}")

    assert unnamed == []
