"""The content of a report as blocks. HTML and PDF are both made from them, so that both have the same content."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from busapp.engine.utils.letters import visible

Tone = Literal["plain", "quiet", "notice", "warning"]


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a chapter (level 2) or of a section (level 3)."""

    text: str
    level: Literal[2, 3] = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences. `lead` are its first words, in bold."""

    text: str
    lead: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list. An empty one is not shown."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells with a heading of the same length; "\\n" in a cell begins a new line.

    `numbers` are the places of right-aligned columns. `shares` are the columns' shares of the text's width; without
    them, columns are as wide as they need.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    caption: str = ""
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError("a row is not as long as the heading")


@dataclass(frozen=True, slots=True)
class Illustration:
    """A PNG, its description in words, and its share of the text's width, in (0, 1]."""

    png: bytes
    words: str
    share: float

    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        with Image.open(io.BytesIO(self.png)) as image:
            return image.size


@dataclass(frozen=True, slots=True)
class Illustrations:
    """Illustrations beside each other, as many as fit. Synthetic images have a dashed frame."""

    illustrations: Sequence[Illustration]
    synthetic: bool = False


Block = Heading | Paragraph | Bullets | Table | Illustration | Illustrations


@dataclass(frozen=True, slots=True)
class Report:
    """A title, a subtitle, and the blocks."""

    title: str
    subtitle: str
    blocks: Sequence[Block]


def clean(text: str) -> str:
    """Spell out characters that a file cannot hold or nobody can see: names of files and classes come from outside and
    may have any."""
    return "\n".join(map(visible, text.split("\n")))
