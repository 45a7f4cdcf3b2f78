"""Fonts for names in every script, and what stands for a character that none of them has. Only jobs import this
module, because it loads matplotlib.

DejaVu Sans, which comes with matplotlib, has Latin, Greek, Cyrillic, Hebrew, Arabic and more. `resources/fonts` has the
scripts of China, Japan, Korea, India, South-East Asia and Ethiopia. The fonts of the system come last, for what these
lack. A character that no font has is spelt out, because all of its kind would become the same box.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import matplotlib
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager, ttfFontProperty
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from busapp import paths
from busapp.engine.utils.letters import spelt, visible

BASE: Final = "DejaVu Sans"
SPELT_OUT: Final = "⟨U+…⟩ stands for a character that nobody could see or that no font on this computer has."
NEEDS_NO_FONT: Final = " \N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_BOXES: Final = ("lastresort", "adobeblank", "bmpfallback")
"""Parts of the names of fonts that have the same box for everything."""


@dataclass(frozen=True, eq=False)
class Font:
    """A font file and the code points that it has and no font before it in the search."""

    family: str
    path: str
    index: int
    characters: frozenset[int]


def drawable(text: str) -> str:
    """The text with every character spelt out that no font has or that nobody can see: `⟨U+1F600⟩`. So two different
    names never look the same for lack of a font."""
    return "".join(letter if letter in NEEDS_NO_FONT or font_of(letter) else spelt(letter) for letter in visible(text))


def has_spelt_out(texts: Iterable[str]) -> bool:
    """True if a character of these texts has to be spelt out; `SPELT_OUT` belongs beside them then."""
    return any(drawable(text) != unicodedata.normalize("NFC", text) for text in texts)


def families(text: str) -> list[str]:
    """The font families that together have the characters of a drawable text, in matplotlib's order of search."""
    return [BASE, *dict.fromkeys(font.family for letter in text if (font := font_of(letter)) and font.family != BASE)]


@cache
def font_of(letter: str) -> Font | None:
    """The first font that has a character; None if there is none."""
    code = ord(letter)
    return next((font for font in _own() if code in font.characters), None) or next(
        (font for font in _of_the_system() if code in font.characters), None
    )


def make_legible(figure: Figure) -> None:
    """Give every text of a finished figure the fonts that it needs, and spell out what no font has."""
    for axes in figure.axes:
        _make_ticks_legible(axes.xaxis)
        _make_ticks_legible(axes.yaxis)
    for text in figure.findobj(Text):
        if not _is_plain_words(text.get_text()):
            text.set_text("\n".join(map(drawable, text.get_text().split("\n"))))
            text.set_fontfamily(families(text.get_text()))


def _make_ticks_legible(axis: Axis) -> None:
    labels = [label.get_text() for label in axis.get_ticklabels()]
    if all(map(_is_plain_words, labels)):
        return
    shown = list(map(drawable, labels))
    if shown != labels:
        axis.set_ticks(axis.get_ticklocs(), labels=shown)
    axis.set_tick_params(labelfontfamily=families("".join(shown)))


def _is_plain_words(words: str) -> bool:
    return words.isascii() and words.replace("\n", "").isprintable()


# -- the fonts -----------------------------------------------------------------------------------------------------


@cache
def _own() -> tuple[Font, ...]:
    """DejaVu Sans, then the fonts that come with the program."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    plain, bold = (str(folder / f"DejaVuSans{style}.ttf") for style in ("", "-Bold"))
    base = frozenset(FT2Font(plain).get_charmap()) & frozenset(FT2Font(bold).get_charmap())  # texts may be bold
    entries = []
    for file in sorted((paths.resources_dir() / "fonts").glob("*.ttf")):
        fontManager.addfont(str(file))
        entries.append(ttfFontProperty(FT2Font(str(file))))
    return Font(BASE, plain, 0, base), *_fonts(entries, set(base))


@cache
def _of_the_system() -> tuple[Font, ...]:
    """The other fonts of this computer, each with what the ones before it lack."""
    having = {code for font in _own() for code in font.characters}
    of_matplotlib = matplotlib.get_data_path()  # its other fonts are for formulas, some with other signs as letters
    others = [entry for entry in fontManager.ttflist if _is_plain(entry) and not entry.fname.startswith(of_matplotlib)]
    return tuple(_fonts(sorted(others, key=lambda entry: (entry.name, entry.fname)), having))


def _fonts(entries: Iterable[FontEntry], having: set[int]) -> Iterator[Font]:
    for entry in entries:
        try:
            new = frozenset(FT2Font(entry.fname, face_index=entry.index).get_charmap()) - having
        except (OSError, RuntimeError):
            continue  # removed or damaged since matplotlib listed it
        if new:
            having |= new
            yield Font(entry.name, entry.fname, entry.index, new)


def _is_plain(entry: FontEntry) -> bool:
    name = entry.name.replace(" ", "").casefold()
    is_upright = entry.style == "normal" and entry.size == "scalable" and entry.weight in (400, "normal", "regular")
    return is_upright and not any(box in name for box in _BOXES)
