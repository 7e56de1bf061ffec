"""The command line follows the typed client."""

import ast
from collections.abc import Iterator
from pathlib import Path

from playhead import commands
from playhead.operations import Operations


def used(source: str) -> Iterator[str]:
    """The methods of a client that are asked of `session.client`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "client":
            yield node.attr


def test_whatever_the_client_can_do_a_command_does() -> None:
    methods = {name for name in dir(Operations) if not name.startswith("_")}
    modules = Path(commands.__path__[0]).glob("*.py")
    assert methods - {name for module in modules for name in used(module.read_text(encoding="utf-8"))} == set()
