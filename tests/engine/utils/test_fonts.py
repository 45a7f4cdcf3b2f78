"""Names in every script: each has a font, and two different names never look the same."""

import io
import unicodedata
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from PIL import Image

from busapp.engine.utils import fonts
from busapp.engine.utils.figures import to_png, to_svg
from busapp.engine.utils.fonts import drawable, families, has_spelt_out
from busapp.engine.utils.letters import visible

NAMES = (
    *("王小明", "李小龙", "さくら", "サクラ", "김철수", "이영희", "सीता", "गीता", "क्षत्रिय", "কমলা", "ਸੀਤਾ", "સીતા"),
    *("ସୀତା", "சீதா", "సీత", "ಸೀತಾ", "സീത", "සීතා", "สมหญิง", "ลาวัณย์", "ສີດາ", "សុភា", "စုစု", "ሰላም"),
    *("محمد", "فاطمة", "שרה", "Мария", "Μαρία", "Մարիամ", "მარიამი", "Nguyễn Thị Ánh", "Zoë Łuczak"),
)
RARE = ("\U00020bb7", "\U00020bb8", "\ue000", "\ue001", "\U00016a40")
HIDDEN = ("a\u200bb", "a\u200cb", "a\nb", "a\udcffb", "a\x00b")
"""With invisible characters, and the half of one that stands for a byte of a file name."""
UNKNOWN = (*RARE, *HIDDEN)


def drawn(words: str) -> npt.NDArray[np.uint8]:
    """Words in a figure, as its pixels."""
    figure = Figure(figsize=(3, 0.5))
    figure.text(0.02, 0.3, words, fontsize=16)
    with Image.open(io.BytesIO(to_png(figure, dpi=72))) as picture:
        return np.asarray(picture.convert("L"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_a_living_script_is_drawn_in_its_letters(name: str) -> None:
    assert drawable(name) == name and not has_spelt_out([name])
    assert families(name)[0] == fonts.BASE


def test_no_two_names_look_the_same() -> None:
    pictures = {name: drawn(name) for name in (*NAMES, *UNKNOWN)}
    for (one, first), (other, second) in combinations(pictures.items(), 2):
        assert (first != second).any(), (one, other)


def test_what_nobody_sees_or_no_font_has_is_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_of_the_system", lambda: ())
    assert drawable("\U00020bb7田") == "⟨U+20BB7⟩田"
    assert [visible(name) for name in ("a\u200bb", "a\nb", "a\udcffb")] == ["a⟨U+200B⟩b", "a⟨U+000A⟩b", "a⟨U+DCFF⟩b"]
    assert len({drawable(name) for name in UNKNOWN}) == len(UNKNOWN)
    assert has_spelt_out(["王", "\U00020bb7"])


def test_a_name_is_the_same_in_both_forms_of_unicode() -> None:
    for name in ("Müller", "김철수", "Ánh"):
        assert drawable(unicodedata.normalize("NFD", name)) == name and not has_spelt_out([name])


def test_joiners_stay_where_they_shape_letters() -> None:
    for name in ("ക്\u200dഷ", "می\u200cخواهم"):
        assert drawable(name) == name


def test_the_fonts_of_the_system_are_asked_last() -> None:
    """Whatever this machine has: no font of formulas or boxes, and only letters that our fonts lack."""
    ours = {code for font in fonts._own() for code in font.characters}
    for font in fonts._of_the_system():
        assert not font.characters & ours and "resort" not in font.family.casefold()


def test_ticks_of_a_figure_are_legible_too(recwarn: pytest.WarningsRecorder) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.set_xticks([0, 1], ["王小明", "\U00020bb7"])
    axes.set_yticks([0, 1], ["सीता", "b\u200b"])
    axes.set_title("김철수\n이영희")
    to_png(figure)
    svg = to_svg(figure)
    assert not recwarn.list  # matplotlib warns of letters that no font has
    for words in ("王小明", "⟨U+20BB7⟩", "सीता", "b⟨U+200B⟩", "김철수", "이영희"):
        assert words in svg.decode()
