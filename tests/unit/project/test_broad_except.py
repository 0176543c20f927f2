"""Code that catches any error says why in the same line: it would hide a fault of ours as well."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = sorted(path for room in ("lookalike", "schemas", "streams", "workers") for path in (ROOT / room).rglob("*.py"))
BROAD = {"Exception", "BaseException"}
FEWEST_WORDS = 5


def without_reason(source: str) -> Iterator[str]:
    """The lines that catch, or suppress, any error without at least five words on why."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        kinds: list[ast.expr | None]
        if isinstance(node, ast.ExceptHandler):
            kinds = [*(node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            kinds = [*node.args]
        else:
            continue
        if any(kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD) for kind in kinds):
            line = lines[node.lineno - 1]
            reason = re.sub(r"noqa: \w+", "", line.partition("#")[2])
            if len(re.findall(r"\w+", reason)) < FEWEST_WORDS:
                yield f"line {node.lineno}: {line.strip()}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_catches_everything_says_why(path: Path) -> None:
    """In one line, or it names the errors that it is for."""
    assert not list(without_reason(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "line",
    [
        "except Exception:",
        "except Exception as error:  # noqa: BLE001",
        "except (ValueError, BaseException):  # never mind",
        "except:  # noqa: E722 - whatever",
    ],
)
def test_a_missing_reason_is_found(line: str) -> None:
    """Also beside other types, in a bare except, and behind a linter's exception."""
    assert list(without_reason(f"try:\n    pass\n{line}\n    pass\n"))
    assert list(without_reason("with contextlib.suppress(Exception):\n    pass\n"))


def test_a_reason_and_a_narrow_type_are_enough() -> None:
    """Five words, or a type that is not any error."""
    assert not list(without_reason("try:\n    pass\nexcept Exception:  # a plugin may raise anything\n    pass\n"))
    assert not list(without_reason("try:\n    pass\nexcept (OSError, ValueError):\n    pass\n"))
