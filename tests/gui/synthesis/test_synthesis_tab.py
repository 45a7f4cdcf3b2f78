"""The Synthesis tab as a user meets it: settings, a live run, an old run, and no run at all."""

from pathlib import Path

import pytest
from drawn_runs import drawn_run
from live_runs import watch
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from recorded_runs import synthesis_run

from busapp.engine import jobs
from busapp.engine.events import GanEpochEnded, RunStarted
from busapp.engine.settings import ImportSettings, ShareSettings, SynthesizeSettings
from busapp.engine.study.workspace import Workspace
from busapp.gui.share_dialog import ShareDialog
from busapp.gui.synthesis.tab import SynthesisTab


def test_an_empty_study_says_what_to_do(tab: SynthesisTab, empty_study: Workspace) -> None:
    tab.open_study(empty_study)
    assert "Import" in tab.empty.label.text()
    assert tab.empty.isVisible()
    assert not tab.start_button.isEnabled()


def test_the_rarest_class_is_chosen_and_lacks_are_told(tab: SynthesisTab, phantom_study: Workspace) -> None:
    catalog = phantom_study.catalog
    catalog.exclude([image.id for image in catalog.images(class_name="normal")][:3], "test")
    tab.open_study(phantom_study)
    assert tab.class_name == "normal"
    assert "5 images, lacks 3" in tab.class_box.currentText()
    assert tab.form.values()["count"] == 3


def test_the_images_to_draw_follow_what_the_class_lacks(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace
) -> None:
    catalog = phantom_study.catalog
    benign = [image.id for image in catalog.images(class_name="benign")]
    catalog.exclude([image.id for image in catalog.images(class_name="normal")][:3], "test")
    tab.open_study(phantom_study)
    assert tab.start_button.text() == "&Start: train, then draw"
    for name in ("benign", "malignant"):
        catalog.exclude([image.id for image in catalog.images(class_name=name)][:3], "test")
    tab.refresh()
    assert tab.class_name == "normal"
    assert tab.form.values()["count"] == 0
    assert tab.start_button.text() == "&Start: train only"
    assert tab.start_button.isEnabled()
    tab.form.set_values({"count": 7})
    assert tab.start_button.text() == "&Start: train, then draw"
    catalog.exclude(benign, None)
    tab.refresh()
    assert tab.form.values()["count"] == 7  # the user's number stays


def test_another_study_has_its_own_class_and_times(
    tab: SynthesisTab, phantom_study: Workspace, tmp_path: Path, phantom_folder: Path
) -> None:
    other = Workspace.create(tmp_path / "other")
    for _ in jobs.start(other, ImportSettings(sources=(phantom_folder,))):
        pass
    tab.open_study(phantom_study)
    tab.class_box.setCurrentIndex(tab.class_box.findData("malignant"))
    tab.form.set_values({"count": 7})
    few, many = "normal", ("benign", "malignant")
    other.catalog.exclude([image.id for image in other.catalog.images(class_name=few)][:6], "test")
    before = tab.presets.button(0).text()
    tab.open_study(other)
    assert tab.class_name == few
    assert tab.form.values()["count"] == 6
    assert tab.presets.button(0).text() != before
    before = tab.presets.button(0).text()
    for name in (few, *many):
        other.catalog.exclude([image.id for image in other.catalog.images(class_name=name)], None)
    tab.refresh()
    assert tab.presets.button(0).text() != before
    other.close()


def test_presets_fill_the_form_and_say_how_long(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    published = tab.presets.button(0)
    assert "224×224 px" in published.text() and "8 images, " in published.text()
    assert "roughly" in published.text() or "on this machine" in published.text()
    qtbot.mouseClick(published, Qt.MouseButton.LeftButton)
    tab.class_box.setCurrentIndex(tab.class_box.findData("malignant"))
    assert tab.form.values()["epochs"] == 4200
    assert tab.form.values()["image_size"] == 224
    assert tab.estimate_label.text().startswith("Estimate: ")


def test_start_asks_for_a_job_with_the_forms_values(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    tab.form.set_values({"epochs": 3, "count": 4})
    with qtbot.waitSignal(tab.start_requested) as asked:
        qtbot.mouseClick(tab.start_button, Qt.MouseButton.LeftButton)
    settings = asked.args[0]
    assert isinstance(settings, SynthesizeSettings)
    assert (settings.class_name, settings.preset, settings.epochs, settings.count) == ("benign", "quick", 3, 4)
    tab.form.set_values({"epochs": 0})
    assert not tab.start_button.isEnabled()


def test_an_old_run_is_shown_as_it_was(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    run = synthesis_run(phantom_study, epochs=6)
    tab.open_study(phantom_study)
    assert tab.run is not None and tab.run.id == run.id
    assert tab.losses.values("g")[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert tab.answers.values("fake")[1].tolist() == [0.3] * 6
    assert tab.film.epoch == 6
    assert "clearly different from real images by KID" in tab.result.score.text()
    assert tab.result.bars.accessibleName() == "KID: 0.213 ± 0.021; real against real 0.012"
    assert "2 synthetic images" in tab.result.copies.text()
    assert "5 synthetic images" in tab.result.added.text()
    assert tab.result.warnings.isVisible()
    tab.film.slider.setFocus()
    qtbot.keyClick(tab.film.slider, Qt.Key.Key_Home)
    assert tab.film.epoch == 2
    tab.film.compare.click()
    assert not tab.film.real.pixmap.isNull()


def test_no_picture_stands_twice_among_the_real_ones(tab: SynthesisTab, phantom_study: Workspace) -> None:
    synthesis_run(phantom_study)
    catalog = phantom_study.catalog
    catalog.join([image.id for image in catalog.images(class_name="malignant")[:7]])
    tab.open_study(phantom_study)
    tab.film.compare.click()
    shown = tab.film.real.pixmap.toImage()
    lightest = [max(shown.pixelColor(96 * column + x, 40).lightness() for x in range(96)) for column in range(5)]
    assert all(lightest[:2]) and not any(lightest[2:]), "two of the eight are different pictures"


def test_a_failed_run_shows_no_black_square_as_real(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    synthesis_run(phantom_study, epochs=2)
    tab.open_study(phantom_study)
    tab.film.compare.click()
    assert not tab.film.real.pixmap.isNull()
    settings = SynthesizeSettings.model_validate({"class_name": "cyst"}).model_dump(mode="json")
    failed = phantom_study.new_run("synthesize", settings, "Failed")
    tab.open_run(failed.id)
    assert tab.film.real.pixmap.isNull()
    assert not tab.film.play.isEnabled()
    assert not tab.film.slider.isEnabled()
    qtbot.mouseClick(tab.film.compare, Qt.MouseButton.LeftButton)
    assert not tab.film.compare.isChecked()
    assert tab.film.real.isHidden()


def test_the_film_plays_to_its_end(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    synthesis_run(phantom_study, epochs=6)
    tab.open_study(phantom_study)
    tab.film.play.click()
    assert tab.film.epoch == 2
    qtbot.waitUntil(lambda: not tab.film.play.isChecked())
    assert tab.film.epoch == 6


def test_a_live_run_does_not_draw_into_an_old_one(tab: SynthesisTab, phantom_study: Workspace) -> None:
    old = synthesis_run(phantom_study, epochs=2)
    tab.open_study(phantom_study)
    live = phantom_study.new_run(
        "synthesize", SynthesizeSettings.model_validate({"class_name": "normal"}).model_dump(mode="json")
    )
    tab.job_event("synthesize", RunStarted(live.id, "synthesize", live.info.name))
    tab.job_event("synthesize", GanEpochEnded(1, 9, 1.5, 0.5, 0.6, 0.4, 10.0))
    assert tab.losses.values("g")[1].tolist() == [1.5]
    tab.open_run(old.id)
    tab.job_event("synthesize", GanEpochEnded(2, 9, 1.4, 0.5, 0.6, 0.4, 10.0))
    assert tab.losses.values("g")[0].tolist() == [1, 2]
    assert tab.losses.values("g")[1][0] == 3.0


def test_a_deleted_run_leaves_the_screen(tab: SynthesisTab, phantom_study: Workspace) -> None:
    run = synthesis_run(phantom_study, epochs=2)
    tab.open_study(phantom_study)
    phantom_study.delete_run(run)
    tab.refresh()
    assert tab.run is None
    assert tab.empty.isVisible()


def test_a_real_training_is_watched_live(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    tab.open_study(phantom_study)
    settings = SynthesizeSettings.model_validate(
        {"class_name": "normal", "epochs": 2, "count": 2, "batch_size": 4, "image_size": 16, "sample_every": 1}
    )
    watch(qtbot, tab, phantom_study, settings)
    assert tab.losses.values("g")[0].tolist() == [1, 2]
    assert tab.film.epoch == 2
    assert "images" in tab.result.added.text()
    assert tab.runs_list.tree.topLevelItemCount() == 1


def test_all_scores_stand_beside_their_floors(tab: SynthesisTab, phantom_study: Workspace) -> None:
    run = synthesis_run(phantom_study)
    result = run.result() or {}
    scores: dict[str, float] = {"kid_floor_spread": 0.004, "n_scored": 105}
    for name, value, floor in (("fid", 80.25, 21.5), ("precision", 0.4, 0.91), ("recall", 0.25, 0.88)):
        scores |= {name: value, f"{name}_spread": 0.05, f"{name}_floor": floor, f"{name}_floor_spread": 0.03}
    tab.resize(1280, 900)
    tab.open_study(phantom_study)
    tab.result.show_result(result | scores)
    assert tab.result.bars.accessibleName() == (
        "KID: 0.213 ± 0.021; real against real 0.012 ± 0.004. FID: 80.2 ± 0.1; real against real 21.5 ± 0.0. "
        "Precision: 0.40 ± 0.05; real against real 0.91 ± 0.03. Recall: 0.25 ± 0.05; real against real 0.88 ± 0.03"
    )
    assert "random subsets of 105 images; FID is biased" in tab.result.score.text()
    tab.result.show_result(result | dict.fromkeys(("kid", "kid_floor")))
    assert not tab.result.bars.isVisible()
    assert "not scored" in tab.result.score.text()


def test_buttons_of_a_run_lead_on(qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study)
    tab.open_study(phantom_study)
    with qtbot.waitSignal(tab.worth_requested):
        qtbot.mouseClick(tab.result.worth_button, Qt.MouseButton.LeftButton)
    assert tab.result.export_images.isEnabled() and tab.result.export_generator.isEnabled()
    with qtbot.waitSignal(tab.generator_requested) as asked:
        tab.result.export_generator.trigger()
    assert asked.args == [run.id]
    phantom_study.catalog.undo()
    tab.refresh()
    assert not tab.result.export_images.isEnabled()


def test_the_images_of_a_run_are_exported_alone(
    qtbot: QtBot, tab: SynthesisTab, phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = drawn_run(phantom_study, 6)
    tab.open_study(phantom_study)
    shown: list[ShareDialog] = []

    def accept(dialog: ShareDialog) -> int:
        shown.append(dialog)
        dialog.accept()
        return dialog.result()

    monkeypatch.setattr(ShareDialog, "exec", accept)
    with qtbot.waitSignal(tab.start_requested) as asked:
        tab.result.export_images.trigger()
    assert shown[0].export_button.text() == "Export 6 images"
    settings = asked.args[0]
    assert isinstance(settings, ShareSettings)
    assert settings.run == run.id and settings.synthetic
