"""Completes what only this kit knows in a shell: lessons, switches with their choices, people and Pages by name."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from nbhelpers.errors import KitError

__all__ = ["lessons", "pages", "people", "switches"]


def lessons(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a lesson."""
    from nbhelpers.simulator.storage.faults import FAULTS

    return [CompletionItem(name, help=fault.does) for name, fault in FAULTS.items() if name.startswith(begun)]


def switches(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a switch, and when only one is left NAME=VALUE."""
    from nbhelpers.simulator.storage.switches import SWITCHES

    name, equals, _ = begun.partition("=")
    left = [each for each in SWITCHES.values() if each.name == name or (not equals and each.name.startswith(begun))]
    if len(left) != 1:
        return [CompletionItem(each.name, help=each.says) for each in left]
    choices = [choice for choice in left[0].choices if not choice.startswith("<")]
    pairs = [f"{left[0].name}={choice}" for choice in choices]
    return [CompletionItem(pair, help=left[0].says) for pair in pairs if pair.startswith(begun)]


def people(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a person who has written; nobody is known while no simulator runs."""
    return _known((person["name"] for page in _pages(context) for person in page["people"]), begun)


def pages(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the name of a Page."""
    return _known((page["name"] for page in _pages(context)), begun)


def _known(names: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(begun)]


def _pages(context: click.Context) -> list[dict[str, Any]]:
    from nbhelpers.cli.common import control_of
    from nbhelpers.config.settings import load

    with contextlib.suppress(KitError):  # a key was pressed: there is nobody to tell
        control = control_of(load(context.params.get("mode"), context.params.get("state")))
        with contextlib.closing(control):
            return control.pages()
    return []


class _Bash(BashComplete):
    """Bash takes a word apart at its equals sign, and puts what it is given into the line as it stands."""

    _dropped = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, begun = super().get_completion_args()
        if begun == "=" and args:
            args, begun = args[:-1], f"{args[-1]}="
        elif args[-1:] == ["="] and len(args) > 1:
            args, begun = args[:-2], f"{args[-2]}={begun}"
        self._dropped = begun[: begun.rfind("=") + 1]
        return args, begun

    def format_completion(self, item: CompletionItem) -> str:
        name, equals, value = item.value.removeprefix(self._dropped).partition("=")
        quoted = f"{name}={shlex.quote(value)}" if equals else shlex.quote(name)
        return f"{item.type},{quoted}"


add_completion_class(_Bash)
