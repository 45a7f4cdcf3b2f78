"""Two images side by side at one scale, with the facts about each, and a third view of their difference."""

from collections.abc import Sequence
from html import escape
from typing import Final, Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.gui.images.colour_scale import ColourScale
from busapp.gui.images.image_canvas import ImageCanvas
from busapp.gui.images.pair_pictures import STRONGEST, PairPictures
from busapp.gui.theme import SPACE, class_colour

Mode = Literal["difference", "blink", "off"]
MODES: Final[tuple[Mode, ...]] = ("difference", "blink", "off")
_BLINK_MS: Final = 600


class PairView(QWidget):
    """The left image, the right image and their difference. Zooming or dragging one of them moves all three."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode: Mode = "difference"
        self.left, self.right, self.third = Pane("Left image"), Pane("Right image"), Pane("Difference")
        self._panes = (self.left, self.right, self.third)
        self._scale = DifferenceScale()
        self.third.put_below(self._scale)
        self._pictures: PairPictures | None = None
        self._shows_second = False
        self._blinking = QTimer(self, interval=_BLINK_MS)
        self._blinking.timeout.connect(self._blink)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        for pane in self._panes:
            row.addWidget(pane, 1)
            pane.canvas.moved.connect(lambda pane=pane: self._follow(pane))

    def show_facts(self, left: "Facts", right: "Facts") -> None:
        """Set the words below the images."""
        self.left.show_facts(left)
        self.right.show_facts(right)

    def show_pictures(self, pictures: PairPictures | None) -> None:
        """Show the pictures of a pair; None while they are being loaded."""
        self._pictures = pictures
        shown = pictures or PairPictures(QImage(), QImage(), QImage(), QImage())
        sentences = pictures.problems if pictures else ("Loading…", "Loading…")
        self.left.show_picture(shown.first, sentences[0])
        self.right.show_picture(shown.second, sentences[1])
        self._show_third()

    def next_mode(self) -> None:
        """Switch from the difference to blinking, from blinking to off, and from off to the difference."""
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
        self._show_third()

    def zoom_by_key(self, event: QKeyEvent) -> None:
        """Zoom all three in (+), out (−), or fit them into their places (0)."""
        self.left.canvas.keyPressEvent(event)

    def _show_third(self) -> None:
        self.third.setVisible(self.mode != "off")
        self._scale.setVisible(self.mode == "difference")
        self._shows_second = False
        if self.mode == "blink" and self.isVisible():
            self._blinking.start()
        else:
            self._blinking.stop()
        self._paint_third()

    def _paint_third(self) -> None:
        pictures = self._pictures
        if pictures is None or pictures.difference.isNull():
            self.third.show_picture(QImage(), "" if pictures else "Loading…")
            self.third.heading.setText("Difference")
            self.third.about.clear()
        elif self.mode == "difference":
            self.third.show_picture(pictures.difference, "")
            self.third.heading.setText("Difference")
            self.third.about.setText(
                f"On average {pictures.mean:.1f} of 255 grey levels, the right one laid over the left."
            )
        else:
            self.third.show_picture(pictures.brought if self._shows_second else pictures.first, "")
            self.third.heading.setText("Blinking: right" if self._shows_second else "Blinking: left")
            self.third.about.setText("Shows both in turn, the right one laid over the left.")

    def _blink(self) -> None:
        self._shows_second = not self._shows_second
        self._paint_third()

    def _follow(self, moved: "Pane") -> None:
        for pane in self._panes:
            if pane is not moved and pane.isVisible():
                pane.canvas.look_like(moved.canvas)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_third()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._blinking.stop()


class Facts:
    """Facts about one image of a pair, in lines."""

    def __init__(self, image: ImageRecord, classes: Sequence[str], flags: Sequence[str], notes: Sequence[str]) -> None:
        """`notes` is what the image has in common with the other one."""
        self.is_synthetic = image.kind == "synthetic"
        self.name = f"{image.class_name}, synthetic" if self.is_synthetic else image.class_name
        self.colour = class_colour(image.class_name, classes).name()
        self.lines = [image.file, " · ".join([f"{image.width}×{image.height} px", *notes])]
        if flags:
            self.lines.append("Flags: " + ", ".join(flags))
        if image.excluded is not None:
            self.lines.append(f"Set aside: {image.excluded}")


class Pane(QWidget):
    """A picture with a heading above and words below it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.canvas = ImageCanvas()
        self.canvas.setAccessibleName(name)
        self.canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the arrow keys change the pair
        self.canvas.setMinimumSize(160, 160)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.about.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(SPACE // 2)
        self._column.addWidget(self.heading)
        self._column.addWidget(self.canvas, 1)
        self._column.addWidget(self.about)

    def put_below(self, widget: QWidget) -> None:
        """Put a widget between the picture and the words. It takes its height from the room for the words."""
        self._column.insertWidget(2, widget)
        self.about.setMinimumHeight(self.about.minimumHeight() - widget.sizeHint().height() - SPACE // 2)

    def show_facts(self, facts: Facts) -> None:
        self.heading.setTextFormat(Qt.TextFormat.RichText)
        self.heading.setText(f'<span style="color:{facts.colour}">■</span> {escape(facts.name)}')
        self.about.setText("\n".join(facts.lines))
        self.canvas.is_synthetic = facts.is_synthetic
        self.canvas.setAccessibleDescription(", ".join([facts.name, *facts.lines]))

    def show_picture(self, picture: QImage, sentence: str) -> None:
        """Show a picture, or `sentence` in its place if it is null."""
        self.canvas.sentence = sentence
        self.canvas.show_picture(picture)


class DifferenceScale(ColourScale):
    """The scale of the difference's colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        name = f"Colours of the difference, from 0 to {STRONGEST} grey levels and more"
        super().__init__(name, "0", f"{STRONGEST} and more", "grey levels apart", parent)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the picture above it stays as large as its neighbours
        self.setSizePolicy(policy)
