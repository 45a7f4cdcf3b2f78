"""The Synthesis tab: train a generator on a class, watch the training, and balance the classes with its images."""

from typing import Final, cast, get_args

from pydantic import ValidationError
from PySide6.QtCore import Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog.counts import lacking
from busapp.engine.contract.synthesis import SynthesizeResult
from busapp.engine.estimates import estimate
from busapp.engine.events import CheckpointSaved, Event, Finished, GanEpochEnded, Note, SamplesDrawn
from busapp.engine.settings import PresetName, SynthesizeSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import newest_finished, reviews_of, without_effect
from busapp.engine.utils.words import many
from busapp.errors import UserError
from busapp.gui import user_settings
from busapp.gui.runs.run_tab import RunTab
from busapp.gui.runs.run_view import RunView
from busapp.gui.share_dialog import ShareDialog
from busapp.gui.synthesis.balance_dialog import BalanceDialog
from busapp.gui.synthesis.blind_review import BlindReviewView
from busapp.gui.synthesis.nearest_view import NearestView
from busapp.gui.synthesis.sample_film import SampleFilm, grid_of_real_images
from busapp.gui.synthesis.synthesis_panel import SynthesisPanel
from busapp.gui.widgets.curves import CurvePlot
from busapp.gui.widgets.panels import settings_column
from busapp.gui.widgets.settings_form import SettingsForm

NO_IMAGES: Final = "No images yet. Import a folder in the Dataset tab (Ctrl+1), then enlarge its rare classes here."
NO_RUN: Final = "No generator yet. Choose a class and a preset on the left, then start its training."
GENERATOR: Final = "#CC79A7"
DISCRIMINATOR: Final = "#009E73"
# The chosen card has a wider frame, so that colour is not the only mark.
_CARD: Final = """
    QPushButton { text-align: left; padding: 7px 9px; border: 1px solid palette(mid); border-radius: 4px; }
    QPushButton:checked { padding: 5px 7px; border: 3px solid palette(highlight); background: palette(base); }
    QPushButton:focus { text-decoration: underline; }
"""
NOTHING_DRAWN: Final = "The study has no synthetic images of this run in use"


class SynthesisTab(RunTab):
    """Settings and past runs on the left, curves and samples in the middle, scores on the right.

    Signals:
        worth_requested: the user wants to see what synthetic images are worth to the classifier.
        generator_requested: the id of the run whose generator is to be exported as a file.
    """

    worth_requested = Signal()
    generator_requested = Signal(str)

    kind = "synthesize"
    job_kinds = (kind,)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._suggested_count: int | None = None
        self.losses = CurvePlot("Losses", "Epoch", "Cross-entropy (nats)")
        self.answers = CurvePlot("Answers of the discriminator", "Epoch", "Mean probability", y_range=(0, 1))
        self.film = SampleFilm()
        self.film.compare.toggled.connect(self._show_real_images)
        self._make_result()
        self._add_views()
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

    def _make_result(self) -> None:
        self.result = SynthesisPanel()
        self.result.review_clicked.connect(self.show_review)
        self.result.nearest_clicked.connect(self.show_nearest)
        self.result.worth_clicked.connect(self.worth_requested)
        self.result.images_clicked.connect(self._export_images)
        self.result.generator_clicked.connect(self._export_generator)

    def _add_views(self) -> None:
        self.review_view = BlindReviewView()
        self.review_view.changed.connect(self.study_changed)
        self.nearest_view = NearestView()
        for view in (self.review_view, self.nearest_view):
            self.add_view(view)

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
        self.balance_button.setToolTip("Draw the images that each class lacks, with its newest generator")
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
        self._look_at_images()
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
            self._describe_presets()
            self._look_at_settings()

    @property
    def class_name(self) -> str:
        """The chosen class; empty if the study has no images."""
        return self.class_box.currentData() or ""

    @property
    def preset(self) -> PresetName:
        """The chosen preset."""
        return cast(PresetName, get_args(PresetName)[self.presets.checkedId()])

    def _lacks(self) -> dict[str, int]:
        """Number of images that each class lacks to equal the largest; its synthetic ones count too."""
        assert self.workspace is not None
        return lacking(self.workspace.catalog.counts(None))

    def _choose_basis(self) -> None:
        """Put the settings of the chosen class and preset into the form, and suggest the number of images."""
        self.form.set_values({"class_name": self.class_name, "preset": self.preset})
        self.offer_weights()
        self._suggest_count()
        self._describe_presets()
        if self.film.compare.isChecked():
            self._show_real_images(True)

    def _suggest_count(self) -> None:
        """Suggest the number of images that the class lacks now."""
        if self.workspace is not None:
            self._suggested_count = self._lacks().get(self.class_name, 0)
            self.form.set_values({"count": self._suggested_count})

    def _describe_presets(self) -> None:
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
            self.estimate_label.setText("Estimate: correct the marked field first.")
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

    # -- views in the place of the run ---------------------------------------------------------------------

    def show_review(self) -> None:
        """Review the images of the run blindly."""
        if self.workspace is not None and self.run is not None:
            self.show_instead(self.review_view)
            self.review_view.show_run(self.workspace, self.run)

    def show_nearest(self) -> None:
        """Show the images of the run beside their nearest training images."""
        if self.workspace is not None and self.run is not None:
            self.show_instead(self.nearest_view)
            self.nearest_view.show_run(self.workspace, self.run)
            self.nearest_view.back_button.setFocus()

    def show_instead(self, view: RunView | None) -> None:
        super().show_instead(view)
        if view is None:  # the user may come from a review
            self._look_at_images()

    # -- the run -------------------------------------------------------------------------------------------

    def load_run(self, run_id: str) -> None:
        super().load_run(run_id)
        self._look_at_images()

    def _look_at_images(self) -> None:
        """Enable the buttons that apply to the run's images, and show their reviews."""
        if self.workspace is None or self.run is None:
            return
        drawn = self.workspace.catalog.images(kind="synthetic", run=self.run.id, with_excluded=False)
        self.result.buttons.offer(self.result.review_button, "" if drawn else NOTHING_DRAWN)
        self.result.buttons.offer(self.result.nearest_button)
        self.result.export_images.setEnabled(bool(drawn))
        self.result.export_generator.setEnabled(self.run.info.state == "finished")
        reviews = reviews_of(self.run)
        self.result.show_review(newest_finished(reviews), without_effect(reviews))

    def _export_images(self) -> None:
        assert self.workspace is not None and self.run is not None
        dialog = ShareDialog(self.workspace, self, run=self.run.id)
        if dialog.exec():
            self.start_requested.emit(dialog.settings())

    def _export_generator(self) -> None:
        if self.run is not None:
            self.generator_requested.emit(self.run.id)

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
            self.result.show_result(cast(SynthesizeResult, event.result))

    def _show_real_images(self, wanted: bool) -> None:
        """Show real images of the run's class beside the samples; none if the study has none."""
        self.film.real.show_pixmap(QPixmap())
        if wanted and self.workspace is not None and self.run is not None:
            try:
                grid = grid_of_real_images(self.workspace, self.run.info.settings["class_name"])
            except UserError as error:
                self.problem.emit(str(error), "")
            else:
                self.film.real.show_pixmap(grid)
