"""Bars of the classes: their numbers and colours."""

import pytest
from PySide6.QtGui import QColor, QPainter
from pytestqt.qtbot import QtBot

from busapp.gui import theme
from busapp.gui.dataset.class_balance import ClassBalance, ClassCount


def test_bars_carry_their_numbers_in_words(qtbot: QtBot) -> None:
    balance = ClassBalance()
    qtbot.addWidget(balance)
    balance.show_counts([ClassCount("benign", 437, 0, 2), ClassCount("normal", 133, 204)])
    assert (
        balance.accessibleDescription() == "benign: 437 real, 2 set aside; normal: 133 real + 204 synthetic, lacks 100"
    )
    balance.show()
    balance.grab()


def test_a_number_that_its_bar_has_no_room_for_stands_above_it(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    balance = ClassBalance()
    qtbot.addWidget(balance)
    balance.resize(280, 200)
    balance.show_counts([ClassCount("benign", 12, 3), ClassCount("malignant", 623, 0), ClassCount("normal", 600, 20)])
    written: list[str] = []
    monkeypatch.setattr(QPainter, "drawText", lambda _painter, *args: written.append(args[-1]))
    balance.grab()
    words = [text for text in written if text]
    assert words == [
        *("benign", "lacks 608", "12 real, 3 synthetic"),
        *("malignant", "623"),
        *("normal", "600", "20 synthetic, lacks 3"),
    ]


@pytest.mark.parametrize("name", ["benign", "malignant", "normal", "a", "b", "c", "d"])
def test_words_on_the_colour_of_a_class_are_read(name: str) -> None:
    ground = theme.class_colour(name, ["a", "b", "c", "d"])

    def luminance(colour: QColor) -> float:
        r, g, b = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour.getRgbF()[:3])
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    darker, lighter = sorted((luminance(ground), luminance(theme.ink_on(ground))))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
