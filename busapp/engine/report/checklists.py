"""The appendix: the items of TRIPOD+AI and CLAIM, the study's facts on each, and what people have to fill in.

The items are in `resources/checklists.json`, each with the names of the facts that answer it.
"""

import json
from collections.abc import Mapping
from typing import TypedDict

from busapp import paths
from busapp.engine.report.blocks import Block, Heading, Paragraph, Table
from busapp.engine.report.facts import NO_RUN, OF_RUNS, facts
from busapp.engine.report.subject import Subject

FILL = "to be filled in"


class Item(TypedDict):
    """One item: `facts` are the names of the facts that answer it, `fill` is what people have to fill in."""

    number: str
    item: str
    facts: list[str]
    fill: str


class Part(TypedDict):
    """A part of a checklist with the name `part`."""

    part: str
    items: list[Item]


class Checklist(TypedDict):
    """A checklist with its reference."""

    title: str
    source: str
    parts: list[Part]


def load_checklists() -> list[Checklist]:
    """The checklists of `resources/checklists.json`."""
    found: list[Checklist] = json.loads((paths.resources_dir() / "checklists.json").read_text(encoding="utf-8"))
    return found


def appendix(subject: Subject) -> list[Block]:
    """A chapter for each checklist."""
    known = facts(subject)
    blocks: list[Block] = []
    for letter, checklist in zip("AB", load_checklists(), strict=True):
        blocks += [
            Heading(f"Appendix {letter}: {checklist['title']}"),
            Paragraph(checklist["source"], tone="quiet"),
            Paragraph(
                "The program fills in the facts that the study has. It has none about people, places and intentions: "
                f"these are listed under “{FILL}”, with a box to tick."
            ),
        ]
        for part in checklist["parts"]:
            rows = [_row(item, known) for item in part["items"]]
            head = ("item", "what it asks for", "what this study knows", FILL)
            blocks.append(Table(head, rows, caption=part["part"], shares=(0.06, 0.22, 0.47, 0.25)))
    return blocks


def _row(item: Item, known: Mapping[str, str]) -> tuple[str, ...]:
    answers = [known[name] for name in item["facts"] if name in known]
    if any(name in OF_RUNS and name not in known for name in item["facts"]):
        answers.append(NO_RUN)
    return item["number"], item["item"], "\n".join(answers) or "–", item["fill"] and f"☐ {item['fill']}"
