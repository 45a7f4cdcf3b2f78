"""The dialog before classes are balanced: number of images and generator for each class, and the time."""

from pathlib import Path
from typing import cast

from pydantic import ValidationError
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from busapp.engine.settings import BalanceSettings, PresetName
from busapp.engine.speeds import Estimate
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.balancing import ClassPlan, plan
from busapp.engine.utils.words import many
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.settings_form import SettingsForm
from busapp.gui.widgets.warning_frame import words_label


class BalanceDialog(QDialog):
    """Asks for the settings for balancing. `settings()` returns them after the dialog is accepted."""

    def __init__(
        self, workspace: Workspace, preset: PresetName, weights_file: Path | None, parent: QWidget | None = None
    ) -> None:
        """`preset` and `weights_file` are the suggestions for generators that must be trained first."""
        super().__init__(parent)
        self.setWindowTitle("Draw images to balance the classes")
        self._workspace = workspace
        self.shares = words_label()
        self.form = SettingsForm(BalanceSettings)
        self.form.set_values({"preset": preset, "weights_file": weights_file})
        self.form.hide()
        self.estimate = words_label("muted")
        undo = words_label("muted")
        undo.setText(
            "Copies of training images, and images that were judged unfit, are not added. All of it is one change of "
            "the dataset: Ctrl+Z in the Dataset tab undoes it."
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.draw_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        for widget in (self.shares, self.form, self.estimate, undo):
            column.addWidget(widget)
        column.addStretch(1)
        column.addWidget(buttons)
        self.resize(520, 260)
        self._work = Background(self)
        self._work.made.connect(self._show_plan)
        self._work.failed.connect(self._show_problem)
        self.form.changed.connect(self._look)
        self._look()

    def settings(self) -> BalanceSettings:
        """Return the user's choice. Raises `ValidationError` if a field is not valid."""
        return cast(BalanceSettings, self.form.settings())

    def done(self, result: int) -> None:
        """Close, after the running look-up ends."""
        self._work.stop()
        super().done(result)

    def _look(self) -> None:
        self.draw_button.setEnabled(False)
        self.draw_button.setText("&Draw")
        try:
            settings = self.settings()
        except ValidationError:
            self._work.ask(None)
            self.estimate.setText("Estimate: correct the marked field first.")
            return
        if not self.shares.text():
            self.shares.setText("Counting what each class lacks…")
        self._work.ask(lambda: plan(self._workspace, settings))

    def _show_plan(self, shares: list[ClassPlan]) -> None:
        able = [share for share in shares if not share.problem]
        to_train = [share for share in able if share.generator is None]
        self.shares.setText(
            "\n".join(f"• {share.in_words()}" for share in shares) if shares else "No class lacks images."
        )
        self.form.setVisible(bool(to_train))
        expected = sum((share.estimate for share in to_train), Estimate(0.0, measured=True))
        self.estimate.setText(
            f"To train {many(len(to_train), 'generator')} first: {expected.in_words()}." if to_train else ""
        )
        self.estimate.setVisible(bool(to_train))
        count = sum(share.count for share in able)
        self.draw_button.setEnabled(bool(able))
        self.draw_button.setText(f"&Draw {many(count, 'image')}" if able else "&Draw")

    def _show_problem(self, sentence: str) -> None:
        self.shares.setText(sentence)
