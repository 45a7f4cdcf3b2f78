"""The Synthesis tab: train a generator on a class, watch it learn, and balance the classes with what it draws."""

from typing import Final, cast, get_args

from PIL import Image
from pydantic import ValidationError
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.catalog.counts import lacking
from busapp.engine.estimates import estimate
from busapp.engine.events import CheckpointSaved, Event, Finished, GanEpochEnded, Note, SamplesDrawn
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.settings import PresetName, SynthesizeSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.images.image_canvas import to_pixmap
from busapp.gui.synthesis.balance_dialog import BalanceDialog
from busapp.gui.synthesis.sample_film import SampleFilm
from busapp.gui.synthesis.synthesis_result import SynthesisResult
from busapp.gui.synthesis.views import SynthesisViews
from busapp.gui.widgets.curves import CurvePlot
from busapp.gui.widgets.panels import settings_column
from busapp.gui.widgets.settings_form import SettingsForm

NO_IMAGES: Final = "No images yet. Import a folder in the Dataset tab (Ctrl+1), then grow its rare classes here."
NO_RUN: Final = "No generator yet. Choose a class and a preset on the left, then start its training."
GENERATOR: Final = "#CC79A7"
DISCRIMINATOR: Final = "#009E73"
# The chosen card is told by the width of its frame, not by its colour alone.
_CARD: Final = """
    QPushButton { text-align: left; padding: 7px 9px; border: 1px solid palette(mid); border-radius: 4px; }
    QPushButton:checked { padding: 5px 7px; border: 3px solid palette(highlight); background: palette(base); }
    QPushButton:focus { text-decoration: underline; }
"""
REAL_ROWS: Final = 4
REAL_COLUMNS: Final = 5
REAL_SIDE: Final = 96


class SynthesisTab(SynthesisViews):
    """Settings and past runs on the left, curves and samples in the middle, scores on the right."""

    kind = "synthesize"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._suggested_count: int | None = None
        self.losses = CurvePlot("Losses", "Epoch", "Cross-entropy (nats)")
        self.answers = CurvePlot("Answers of the discriminator", "Epoch", "Mean probability", y_range=(0, 1))
        self.film = SampleFilm()
        self.film.compare.toggled.connect(self._show_real_images)
        self.result = SynthesisResult()
        pictures: list[tuple[QWidget, int]] = [(self.losses, 3), (self.answers, 2), (self.film, 5)]
        self.arrange(
            self._make_settings_panel(),
            [self.estimate_label, self.start_button, self.balance_button],
            pictures,
            self.result,
        )
        self.class_box.currentIndexChanged.connect(self._choose_basis)
        self.presets.idClicked.connect(self._choose_basis)
        self.form.changed.connect(self._look_at_settings)
        self.clear_run()

    def _make_settings_panel(self) -> QWidget:
        self.class_box = QComboBox()
        self.class_box.setAccessibleName("Class")
        class_label = QLabel("&Class")
        class_label.setBuddy(self.class_box)
        self.presets = QButtonGroup(self)
        cards = QVBoxLayout()
        for number, preset in enumerate(get_args(PresetName)):
            card = QPushButton(preset)
            card.setCheckable(True)
            card.setStyleSheet(_CARD)
            self.presets.addButton(card, number)
            cards.addWidget(card)
            card.setChecked(preset == SynthesizeSettings.model_fields["preset"].default)
        self.form = SettingsForm(SynthesizeSettings, hidden=("class_name", "preset"))
        self.estimate_label = QLabel()
        self.estimate_label.setWordWrap(True)
        self.estimate_label.setProperty("role", "muted")
        self.start_button = QPushButton("&Start: train, then draw")
        self.start_button.setToolTip("Train the generator, draw the images and add them to the study")
        self.start_button.clicked.connect(self._start)
        self.balance_button = QPushButton("&Draw images to balance…")
        self.balance_button.setToolTip("Draw for every class what it lacks, from the newest generator that it has")
        self.balance_button.clicked.connect(self._balance)

        return settings_column(class_label, self.class_box, cards, self.form)

    # -- settings ------------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        self._suggested_count = None
        self.class_box.blockSignals(True)
        self.class_box.clear()
        self.class_box.blockSignals(False)
        super().open_study(workspace)

    def refresh(self) -> None:
        super().refresh()
        assert self.workspace is not None
        counts = self.workspace.catalog.counts()
        lacks = self._lacks()
        chosen = self.class_name or max(lacks, key=lambda name: lacks[name], default="")
        self.class_box.blockSignals(True)
        self.class_box.clear()
        for name, count in counts.items():
            lack = f"lacks {lacks[name]:,}" if name in lacks else "lacks none"
            self.class_box.addItem(f"{name}: {count:,} images, {lack}", name)
        self.class_box.setCurrentIndex(max(0, self.class_box.findData(chosen)))
        self.class_box.blockSignals(False)
        self.empty.set_sentence(NO_RUN if counts else NO_IMAGES)
        if self._suggested_count is None or self.form.values()["class_name"] != self.class_name:
            self._choose_basis()
        else:
            if self.form.values()["count"] == self._suggested_count:
                self._suggest_count()
            self._tell_presets()
            self._look_at_settings()

    @property
    def class_name(self) -> str:
        """The chosen class; empty without images."""
        return self.class_box.currentData() or ""

    @property
    def preset(self) -> PresetName:
        """The chosen preset."""
        return cast(PresetName, get_args(PresetName)[self.presets.checkedId()])

    def _lacks(self) -> dict[str, int]:
        """By class, how many images it lacks to equal the largest; synthetic ones that it has already count."""
        assert self.workspace is not None
        return lacking(self.workspace.catalog.counts(None))

    def _choose_basis(self) -> None:
        """Another class or preset: its numbers, and as many images as the class lacks."""
        self.form.set_values({"class_name": self.class_name, "preset": self.preset})
        self.offer_weights()
        self._suggest_count()
        self._tell_presets()
        if self.film.compare.isChecked():
            self._show_real_images(True)

    def _suggest_count(self) -> None:
        """As many images as the class lacks now."""
        if self.workspace is not None:
            self._suggested_count = self._lacks().get(self.class_name, 0)
            self.form.set_values({"count": self._suggested_count})

    def _tell_presets(self) -> None:
        counts = self.workspace.catalog.counts() if self.workspace else {}
        for number, preset in enumerate(get_args(PresetName)):
            settings = SynthesizeSettings.model_validate({"class_name": self.class_name, "preset": preset})
            expected = estimate(settings, self.workspace) if self.workspace and self.class_name else None
            time = f"\n{expected.in_words()}" if expected else ""
            size = f"{settings.image_size}×{settings.image_size} px"
            seen = f"{many(counts[self.class_name], 'image')}, " if self.class_name in counts else ""
            self.presets.button(number).setText(f"{preset}: {size}\n{seen}{settings.epochs:,} epochs{time}")

    def _settings(self) -> SynthesizeSettings | None:
        try:
            return cast(SynthesizeSettings, self.form.settings())
        except ValidationError:
            return None

    def _look_at_settings(self) -> None:
        settings = self._settings()
        self.start_button.setEnabled(settings is not None and bool(self.class_name))
        self.balance_button.setEnabled(bool(self.class_name))
        draws_none = settings is not None and settings.count == 0
        self.start_button.setText("&Start: train only" if draws_none else "&Start: train, then draw")
        if settings is None:
            self.estimate_label.setText("Estimate: after the marked field is mended.")
            return
        expected = estimate(settings, self.workspace) if self.workspace and self.class_name else None
        self.estimate_label.setText(f"Estimate: {expected.in_words()}" if expected else "")

    def _start(self) -> None:
        settings = self._settings()
        if settings is not None:
            self.start(settings)

    def _balance(self) -> None:
        assert self.workspace is not None
        dialog = BalanceDialog(self.workspace, self.preset, user_settings.weights_file(), self)
        if dialog.exec():
            self.start_requested.emit(dialog.settings())

    # -- the run -------------------------------------------------------------------------------------------

    def clear_run(self) -> None:
        for plot in (self.losses, self.answers):
            plot.clear_curves()
        self.losses.define("g", "Generator G", GENERATOR)
        self.losses.define("d", "Discriminator D", DISCRIMINATOR)
        self.answers.define("real", "D(x), real", DISCRIMINATOR)
        self.answers.define("fake", "D(G(z)), synthetic", GENERATOR)
        self.film.clear()
        if self.run is None:
            self.result.clear()
            self.show_pictures(False)
        else:
            self.result.start(self.run.info)
            self.show_pictures(True)
            if self.film.compare.isChecked():
                self._show_real_images(True)

    def draw_event(self, event: Event) -> None:
        assert self.run is not None
        if isinstance(event, GanEpochEnded):
            self.losses.put("g", event.epoch, event.g_loss)
            self.losses.put("d", event.epoch, event.d_loss)
            self.answers.put("real", event.epoch, event.d_real)
            self.answers.put("fake", event.epoch, event.d_fake)
        elif isinstance(event, SamplesDrawn):
            self.film.add(event.epoch, self.run.folder / event.file)
        elif isinstance(event, CheckpointSaved):
            self.losses.tick(event.epoch)
        elif isinstance(event, Note) and event.level == "warning":
            self.result.add_warning(event.text)
        elif isinstance(event, Finished):
            self.result.show_result(event.result)

    def _show_real_images(self, wanted: bool) -> None:
        """Real images of the run's class, side by side like the samples; nothing where the study has none."""
        self.film.real.show_pixmap(QPixmap())
        if not wanted or self.workspace is None or self.run is None:
            return
        class_name = self.run.info.settings["class_name"]
        of_group: dict[int, ImageRecord] = {}  # so that no picture is shown twice
        for image in self.workspace.catalog.images(class_name=class_name, kind="real", with_excluded=False):
            of_group.setdefault(image.group, image)
        if not of_group:
            return
        paths = [self.workspace.image_path(image) for image in list(of_group.values())[: REAL_ROWS * REAL_COLUMNS]]
        try:
            pixels = Preprocessing(REAL_SIDE).load(paths)
        except UserError as error:
            self.problem.emit(str(error), "")
            return
        grid = Image.new("RGB", (REAL_COLUMNS * REAL_SIDE, REAL_ROWS * REAL_SIDE))
        for index, square in enumerate(pixels):
            row, column = divmod(index, REAL_COLUMNS)
            grid.paste(Image.fromarray(square), (column * REAL_SIDE, row * REAL_SIDE))
        self.film.real.show_pixmap(to_pixmap(grid))
