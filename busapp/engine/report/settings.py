"""The chapters on settings and versions: every setting of every run, and the software that computed it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from busapp.engine.report.blocks import Block, Heading, Paragraph, Table
from busapp.engine.report.subject import Subject
from busapp.engine.results.measured import Measured
from busapp.engine.settings import ValidateSettings
from busapp.engine.utils.versions import software
from busapp.engine.utils.words import NONE

_COLUMNS = 4
"""Runs beside each other in one table; further runs get another table."""


def settings(subject: Subject) -> list[Block]:
    """The settings that all runs share, then those that differ."""
    if not subject.measured:
        return []
    values = [settings_of(one) for one in subject.measured]
    names = list(dict.fromkeys(name for one in values for name in one))
    shared = [name for name in names if len({one.get(name, NONE) for one in values}) == 1]
    differing = [name for name in names if name not in shared]
    whose = "Settings of the run" if len(values) == 1 else "Settings that all runs share"
    blocks: list[Block] = [
        Heading("Settings"),
        Table(("setting", "value"), [(name, values[0].get(name, NONE)) for name in shared], caption=f"{whose}:"),
    ]
    for start in range(0, len(values) if differing else 0, _COLUMNS):
        some = values[start : start + _COLUMNS]
        rows = [(name, *(one.get(name, NONE) for one in some)) for name in differing]
        head = ("setting", *subject.titles[start : start + _COLUMNS])
        blocks.append(Table(head, rows, caption="Settings that differ:"))
    return blocks


def settings_of(one: Measured) -> dict[str, str]:
    """Every setting of a run by its title. Empty settings have the value of the protocol, the recipe or the machine."""
    kept = one.run.info.settings
    try:
        read = ValidateSettings.model_validate(kept)
    except ValidationError:  # from another version of the program
        return {name.replace("_", " "): _in_words(value) for name, value in kept.items()}
    effective = {**read.model_dump(), **read.training.model_dump(), **read.leaks.model_dump()}
    if effective["frozen_stages"] is None:
        effective["frozen_stages"] = one.result.get("frozen_stages")
    return {_title(name): _in_words(value, _unit(name)) for name, value in effective.items()}


def _title(name: str) -> str:
    return str(ValidateSettings.model_fields[name].title or name)


def _unit(name: str) -> str:
    extra = ValidateSettings.model_fields[name].json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, Mapping) else ""


def _in_words(value: Any, unit: str = "") -> str:
    match value:
        case None:
            return NONE
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value)) or NONE
        case Path():
            return value.name  # the folders of this machine are private
        case float():
            return f"{value:g} {unit}".strip()
        case _:
            return f"{value} {unit}".strip()


def versions(subject: Subject) -> list[Block]:
    """The versions that made this report, and those that each run began with and was resumed with."""
    here = software()
    runs = [_computed_with(one) for one in subject.measured]
    names = list(dict.fromkeys([*here, *(name for one in runs for name in one)]))
    blocks: list[Block] = [Heading("Versions")]
    if any(not one.run.info.versions for one in subject.measured):
        blocks.append(
            Paragraph(
                "Runs of older versions of this program did not record the versions of the libraries.", tone="quiet"
            )
        )
    for start in range(0, max(len(runs), 1), _COLUMNS):
        some = runs[start : start + _COLUMNS]
        rows = [(name, here.get(name, NONE), *(one.get(name, NONE) for one in some)) for name in names]
        blocks.append(Table(("", "this report", *subject.titles[start : start + _COLUMNS]), rows))
    return blocks


def _computed_with(one: Measured) -> dict[str, str]:
    parts = one.run.info.software
    names = dict.fromkeys(name for part in parts for name in part)
    used = {name: ", then ".join(dict.fromkeys(part.get(name, NONE) for part in parts)) for name in names}
    return {**used, "device": str(one.result.get("device") or NONE)}


def in_a_line(versions: Mapping[str, str], names: Sequence[str]) -> str:
    """`torch 2.13.0, torchvision 0.28.0`"""
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
