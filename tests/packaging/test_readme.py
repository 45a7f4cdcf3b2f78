"""The commands, options and pictures in the README exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from busapp.cli import app

README = Path(__file__).resolve().parents[2] / "README.md"
COMMANDS = re.findall(r"^busapp .+$", README.read_text(encoding="utf-8"), re.MULTILINE)


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_and_its_options_exist(line: str) -> None:
    _, name, *rest = shlex.split(line)
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert name in commands
    command = commands[name]
    if hasattr(command, "commands"):  # a group, as `busapp models`
        command = command.commands[rest[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def test_its_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^]]*]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert len(pictures) == 9
    assert all((README.parent / picture).is_file() for picture in pictures)
