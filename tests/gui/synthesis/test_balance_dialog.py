"""Drawing images to balance the classes, from the button to the images in the study."""

from collections.abc import Iterator
from typing import Any

import pytest
from live_runs import watch
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine import jobs
from busapp.engine.settings import BalanceSettings, SynthesizeSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import MissingWeights
from busapp.gui.synthesis.balance_dialog import BalanceDialog
from busapp.gui.synthesis.tab import SynthesisTab

SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 1, "sample_every": 1, "checkpoint_every": 1}


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_weights(*_: object) -> None:
        raise MissingWeights("No ImageNet weights")

    monkeypatch.setattr("busapp.engine.classifiers.features.embed", no_weights)


@pytest.fixture
def lacking(phantom_study: Workspace) -> Workspace:
    """A study with 8 benign and 5 malignant images, and no normal one in use."""
    catalog = phantom_study.catalog
    catalog.exclude([image.id for image in catalog.images(class_name="normal")], "test")
    catalog.reclassify([image.id for image in catalog.images(class_name="malignant")[:1]], "benign")
    return phantom_study


@pytest.fixture
def dialog(qtbot: QtBot, lacking: Workspace) -> Iterator[BalanceDialog]:
    dialog = BalanceDialog(lacking, "quick", None)
    qtbot.addWidget(dialog)
    dialog.show()
    yield dialog
    dialog.done(0)


def train(study: Workspace, **given: Any) -> None:
    settings = {"class_name": "malignant", "count": 0, **SMALL, **given}
    for _ in jobs.start(study, SynthesizeSettings.model_validate(settings)):
        pass


def test_a_class_that_cannot_have_a_generator_is_told_and_nothing_can_be_drawn(
    qtbot: QtBot, dialog: BalanceDialog
) -> None:
    qtbot.waitUntil(lambda: "malignant" in dialog.shares.text())
    assert "it has 7 real images and no generator" in dialog.shares.text()
    assert not dialog.draw_button.isEnabled()


def test_generators_that_are_missing_are_trained_first_with_a_preset_of_choice(
    qtbot: QtBot, phantom_study: Workspace
) -> None:
    catalog = phantom_study.catalog
    catalog.exclude([image.id for image in catalog.images(class_name="normal")], "test")
    train(phantom_study, class_name="benign", count=3)
    dialog = BalanceDialog(phantom_study, "published", None)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.draw_button.isEnabled())
    assert dialog.form.isVisible() and "preset published" in dialog.shares.text()
    assert dialog.estimate.text().startswith("To train 1 generator first: ")
    dialog.form.set_values({"preset": "efficient"})
    qtbot.waitUntil(lambda: "preset efficient" in dialog.shares.text())
    assert dialog.settings().preset == "efficient"
    dialog.form.set_values({"epochs": 0})
    assert not dialog.draw_button.isEnabled() and "correct the marked field" in dialog.estimate.text()
    dialog.done(0)


def test_images_come_from_the_generator_that_is_there(
    qtbot: QtBot, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(phantom_study)
    train(phantom_study, class_name="benign", count=2)
    catalog = phantom_study.catalog
    catalog.exclude([image.id for image in catalog.images(class_name="normal")], "test")
    assert catalog.counts(None)["malignant"] == 8
    tab = SynthesisTab()
    qtbot.addWidget(tab)
    tab.open_study(phantom_study)
    shown: list[BalanceDialog] = []

    def press_draw(dialog: BalanceDialog) -> int:
        shown.append(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: dialog.draw_button.isEnabled())
        qtbot.mouseClick(dialog.draw_button, Qt.MouseButton.LeftButton)
        return dialog.result()

    monkeypatch.setattr(BalanceDialog, "exec", press_draw)
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.balance_button, Qt.MouseButton.LeftButton)
    assert shown[0].draw_button.text() == "&Draw 2 images"
    assert not shown[0].form.isVisible(), "nothing has to be trained"
    settings = asked.args[0]
    assert isinstance(settings, BalanceSettings)
    watch(qtbot, tab, phantom_study, settings)
    assert catalog.counts(None)["malignant"] == catalog.counts(None)["benign"] == 10
    assert len(catalog.images(class_name="malignant", kind="synthetic")) == 2
