"""A report as a PDF (A4, with embedded fonts), laid out by ReportLab.

The fonts of names in other scripts are those of `utils/fonts.py`. ReportLab writes one letter after the other: it joins
no letters of India and turns no Arabic around, as the HTML and the diagnosis page do.
"""

import io
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import matplotlib
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, HRFlowable, Image, PageTemplate, Spacer
from reportlab.platypus import Paragraph as Words
from reportlab.platypus import Table as Grid

from busapp.engine.report.blocks import (
    Block,
    Bullets,
    Heading,
    Illustration,
    Illustrations,
    Paragraph,
    Report,
    Table,
    clean,
)
from busapp.engine.utils.fonts import BASE, NEEDS_NO_FONT, Font, font_of
from busapp.engine.utils.letters import spelt
from busapp.engine.utils.words import RESEARCH_USE

_MARGIN: Final = 18 * mm
_WIDTH: Final = A4[0] - 2 * _MARGIN
_TALLEST: Final = A4[1] - 3.2 * _MARGIN
_GAP: Final = 6.0
_FONT: Final = "DejaVuSans"
_ROOM: Final = {"h2": 130.0, "h3": 110.0, "caption": 70.0}
"""Points that must be left on a page for a heading and the beginning of its text."""
_LONG: Final = 1000
"""A row may be split between pages if a cell has more letters than this; short rows look better whole."""
_LAST: Final = 0xFFFF
"""The last code point that ReportLab 5 writes correctly."""


def to_pdf(report: Report) -> bytes:
    """The content of the file."""
    _register_fonts()
    stream = io.BytesIO()
    document = _Document(stream, report)
    document.build(story(report))
    return stream.getvalue()


def story(report: Report) -> list[Flowable]:
    """The elements that ReportLab breaks into pages."""
    _register_fonts()
    made: list[Flowable] = [_words(report.title, "title"), _words(report.subtitle, "quiet")]
    for block, following in zip_longest(report.blocks, report.blocks[1:]):
        if isinstance(block, Heading) and isinstance(following, Heading):  # keep both with the text on one page
            made.append(CondPageBreak(_ROOM[f"h{block.level}"] + _ROOM[f"h{following.level}"]))
        made += _flowables(block)
    return made


class _Document(BaseDocTemplate):  # type: ignore[misc]
    """A4 pages with the research-use notice in the footer, and the headings as bookmarks."""

    def __init__(self, stream: io.BytesIO, report: Report) -> None:
        super().__init__(
            stream, pagesize=A4, title=clean(report.title), author="busapp", subject=RESEARCH_USE, lang="en"
        )
        frame = Frame(_MARGIN, _MARGIN, _WIDTH, A4[1] - 2 * _MARGIN, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self._foot))
        self._title = clean(report.title)

    def _foot(self, canvas: Any, _: Any) -> None:
        canvas.saveState()
        canvas.setFont(_FONT, 7)
        canvas.setFillGray(0.35)
        canvas.drawString(_MARGIN, _MARGIN / 2, RESEARCH_USE)
        canvas.drawRightString(A4[0] - _MARGIN, _MARGIN / 2, f"page {canvas.getPageNumber()}")
        canvas.restoreState()

    def afterFlowable(self, flowable: Flowable) -> None:
        level = {"h2": 0, "h3": 1}.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is not None:
            key = f"heading-{self.seq.nextf('heading')}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level, closed=True)


@cache
def _register_fonts() -> None:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for style in ("", "-Bold", "-Oblique", "-BoldOblique"):
        pdfmetrics.registerFont(TTFont(f"{_FONT}{style}", folder / f"DejaVuSans{style}.ttf"))
    pdfmetrics.registerFontFamily(_FONT, _FONT, f"{_FONT}-Bold", f"{_FONT}-Oblique", f"{_FONT}-BoldOblique")


@cache
def _registered(font: Font) -> str | None:
    """The name of a font in the file; None if it cannot be embedded."""
    if font.family == BASE:
        return _FONT
    try:
        pdfmetrics.registerFont(TTFont(font.family, font.path, subfontIndex=font.index))
    except (OSError, TTFError):
        return None  # its outlines are of another kind
    pdfmetrics.registerFontFamily(font.family, *[font.family] * 4)
    return font.family


@cache
def _font_for(letter: str) -> str | None:
    """The name of the font that has a letter, None if none can be embedded; empty if the letter needs none."""
    if letter in NEEDS_NO_FONT or letter == "\n":
        return ""
    font = font_of(letter) if ord(letter) <= _LAST else None
    return _registered(font) if font else None


@cache
def _style(name: str) -> ParagraphStyle:
    sizes = {"title": 17.0, "h2": 13.0, "h3": 10.5, "cell": 7.5, "number": 7.5, "head": 7.5, "head number": 7.5}
    size = sizes.get(name, 9.0)
    is_cell = name.split()[0] in ("cell", "number", "head")
    bold = name in ("title", "h2", "h3") or name.startswith("head")
    before = {"h2": 16.0, "h3": 11.0}.get(name, 0.0 if is_cell else 3.0)
    style = ParagraphStyle(
        name,
        fontName=f"{_FONT}-Bold" if bold else _FONT,
        fontSize=size,
        leading=size * (1.25 if is_cell else 1.4),
        spaceBefore=before,
        spaceAfter=0 if is_cell else 3,
        textColor=colors.HexColor("#555555" if name in ("quiet", "caption") else "#1a1a1a"),
    )
    if name.endswith("number"):
        style.alignment = TA_RIGHT
    if name in ("notice", "warning"):
        style.backColor = colors.HexColor("#fdf1e8" if name == "warning" else "#eef5fa")
        style.borderPadding, style.leftIndent, style.spaceBefore, style.spaceAfter = (4, 6, 4, 6), 6, 8, 8
    return style


def _words(text: str, style: str, lead: str = "") -> Words:
    return Words((f"<b>{_markup(lead)}</b> " if lead else "") + _markup(text), _style(style))


def _markup(text: str) -> str:
    """Escape text for ReportLab's markup, because text from outside must not be read as markup, and name the fonts of
    its letters. Letters that no font has are spelt out."""
    runs: list[tuple[str, str]] = []
    for letter in clean(text):
        font = _font_for(letter)
        said, font = (spelt(letter), _FONT) if font is None else (letter, font)
        if runs and font in ("", runs[-1][0]):
            runs[-1] = (runs[-1][0], runs[-1][1] + said)
        else:
            runs.append((font or _FONT, said))
    marked = (escape(run) if font == _FONT else f'<font name="{font}">{escape(run)}</font>' for font, run in runs)
    return "".join(marked).replace("\n", "<br/>")


def _flowables(block: Block) -> list[Flowable]:
    match block:
        case Heading():
            rule = [HRFlowable("100%", 0.5, color=colors.HexColor("#bbbbbb"), spaceAfter=4)] if block.level == 2 else []
            return [CondPageBreak(_ROOM[f"h{block.level}"]), _words(block.text, f"h{block.level}"), *rule]
        case Paragraph():
            return [_words(block.text, block.tone, block.lead)]
        case Bullets():
            return [
                Words(
                    _markup(item), ParagraphStyle("bullet", _style("plain"), leftIndent=12, bulletFontName=_FONT), "•"
                )
                for item in block.items
            ]
        case Table():
            caption = [CondPageBreak(_ROOM["caption"]), _words(block.caption, "caption")] if block.caption else []
            return [*caption, _grid(block), Spacer(0, _GAP)]
        case Illustration():
            return [_image(block, _WIDTH), Spacer(0, _GAP)]
        case Illustrations():
            return [*_rows_of_illustrations(block), Spacer(0, _GAP)]


def _image(illustration: Illustration, width: float) -> Image:
    pixels = illustration.size()
    shown = illustration.share * width
    factor = min(shown / pixels[0], _TALLEST / pixels[1])
    return Image(io.BytesIO(illustration.png), pixels[0] * factor, pixels[1] * factor, hAlign="LEFT")


def _rows_of_illustrations(block: Illustrations) -> list[Flowable]:
    rows: list[list[Image]] = [[]]
    for illustration in block.illustrations:
        image = _image(illustration, _WIDTH - _GAP * 6)
        if rows[-1] and sum(each.drawWidth + _GAP for each in rows[-1]) + image.drawWidth > _WIDTH:
            rows.append([])
        rows[-1].append(image)
    frame = [("BOX", (0, 0), (-1, -1), 0.7, colors.grey, None, (3, 2))] if block.synthetic else []
    padding = [(f"{side}PADDING", (0, 0), (-1, -1), _GAP / 2) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), *padding, *frame]
    return [Grid([row], [image.drawWidth + _GAP for image in row], hAlign="LEFT", style=style) for row in rows if row]


def _grid(table: Table) -> Grid:
    """A table that repeats its heading on every page and splits rows that may be higher than a page."""
    numbers = table.numbers
    head = [_words(cell, "head number" if place in numbers else "head") for place, cell in enumerate(table.head)]
    rows = [
        [_words(cell, "number" if place in numbers else "cell") for place, cell in enumerate(row)] for row in table.rows
    ]
    line = colors.HexColor("#cccccc")
    return Grid(
        [head, *rows],
        _column_widths(table),
        repeatRows=1,
        splitInRow=int(any(len(cell) > _LONG for row in table.rows for cell in row)),
        hAlign="LEFT",
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, line),
            ("LINEBELOW", (0, 0), (-1, 0), 0.6, colors.HexColor("#777777")),
            *((f"{side}PADDING", (0, 0), (-1, -1), 2) for side in ("TOP", "BOTTOM")),
            *((f"{side}PADDING", (0, 0), (-1, -1), 3) for side in ("LEFT", "RIGHT")),
        ],
    )


def _column_widths(table: Table) -> list[float]:
    """Column widths in points: as wide as the text needs.

    If that is too wide for the page, each column gets the width of its longest word, and the rest goes to the columns
    with the longest lines.
    """
    if table.shares:
        return [share * _WIDTH for share in table.shares]
    columns = list(zip(table.head, *table.rows, strict=True))
    longest_word = [max(_extent(word) for cell in column for word in cell.split() or [""]) for column in columns]
    longest_line = [max(_extent(line) for cell in column for line in cell.split("\n")) for column in columns]
    needed, wanted = [w + 10 for w in longest_word], [w + 10 for w in longest_line]
    if sum(wanted) <= _WIDTH:
        return wanted
    # One long word, such as a file name, must not take the room of all other columns: it is broken.
    needed = [min(width, _WIDTH / 3) for width in needed]
    if sum(needed) >= _WIDTH:
        return [width * _WIDTH / sum(needed) for width in needed]
    greed = [max(w - n, 0.0) for w, n in zip(wanted, needed, strict=True)]
    share = (_WIDTH - sum(needed)) / sum(greed)
    return [n + share * g for n, g in zip(needed, greed, strict=True)]


def _extent(text: str) -> float:
    width: float = pdfmetrics.stringWidth(clean(text), f"{_FONT}-Bold", 7.5)
    return width
