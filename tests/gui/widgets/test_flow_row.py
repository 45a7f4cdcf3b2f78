"""A row of controls that continues in the next line where the window is narrow."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton, QSlider, QWidget
from pytestqt.qtbot import QtBot

from busapp.gui.widgets.flow_row import FlowRow


def test_a_row_continues_in_the_next_line(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    row = FlowRow(widget)
    buttons = [QPushButton(f"Button {number}") for number in range(4)]
    for button in buttons[:3]:
        row.addWidget(button)
    row.add_gap()
    row.addWidget(buttons[3])
    wide, narrow = row.sizeHint().width() + 100, buttons[0].sizeHint().width() * 2 + row.spacing()
    widget.resize(wide, 100)
    widget.show()
    QApplication.processEvents()
    assert len({button.y() for button in buttons}) == 1
    assert buttons[3].geometry().right() == widget.rect().right() and buttons[2].x() < buttons[3].x() - 100
    widget.resize(narrow, 100)
    QApplication.processEvents()
    assert [buttons.index(button) for button in sorted(buttons, key=lambda each: (each.y(), each.x()))] == [0, 1, 2, 3]
    assert len({button.y() for button in buttons}) == 2 and row.heightForWidth(narrow) > row.heightForWidth(wide)
    assert all(button.geometry().right() <= widget.rect().right() for button in buttons)


def test_a_slider_takes_the_space_that_is_left(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    row = FlowRow(widget)
    slider, button = QSlider(Qt.Orientation.Horizontal), QPushButton("Fit")
    row.addWidget(slider)
    row.addWidget(button)
    widget.resize(500, 40)
    widget.show()
    QApplication.processEvents()
    assert slider.width() > 350 and button.geometry().right() == widget.rect().right()
    slider.hide()
    QApplication.processEvents()
    assert button.x() == 0
