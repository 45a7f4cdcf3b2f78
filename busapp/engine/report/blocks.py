"""What a report says, before it is HTML or PDF: both are made from the same blocks, so that both say the same."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

Tone = Literal["plain", "quiet", "notice", "warning"]


@dataclass(frozen=True, slots=True)
class Heading:
    """Of a chapter (2) or of a part of one (3)."""

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
    """A list; nothing where it is empty."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words under a heading; "\\n" in a cell begins a new line. `numbers` are the columns that stand to the
    right. Rows are as long as the heading. `shares` of the text's width by column, else they are as wide as they
    need."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    caption: str = ""
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError("a row is not as long as the heading")


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, what it shows in words, and how much of the text's width it takes, in (0, 1]."""

    png: bytes
    words: str
    share: float

    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        with Image.open(io.BytesIO(self.png)) as image:
            return image.size


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures beside each other, as many as there is room for. Synthetic ones wear a dashed frame."""

    pictures: Sequence[Picture]
    synthetic: bool = False


Block = Heading | Paragraph | Bullets | Table | Picture | Pictures


@dataclass(frozen=True, slots=True)
class Report:
    """A title, what stands small beneath it, and the blocks."""

    title: str
    subtitle: str
    blocks: Sequence[Block]


def clean(text: str) -> str:
    """What can be written into any file: names of files and classes come from outside, with whatever is in them."""
    kept = "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return kept.encode("utf-8", "replace").decode()
