import pytest
from pydantic import ValidationError
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from busapp.engine.settings import SETTINGS, CurateSettings, SynthesizeSettings, ValidateSettings
from busapp.gui.widgets.editors import ChoiceEditor, IntEditor, SetEditor
from busapp.gui.widgets.settings_form import SettingsForm

QUICK_EPOCHS = SynthesizeSettings.model_validate({"class_name": "benign"}).epochs


def _synthesize_form(qtbot: QtBot) -> SettingsForm:
    form = SettingsForm(SynthesizeSettings, choices=("class_name",))
    qtbot.addWidget(form)
    form.set_choices("class_name", ["benign", "malignant", "normal"])
    form.show()
    return form


def _type(qtbot: QtBot, form: SettingsForm, name: str, text: str) -> None:
    box = form.field(name).focusProxy()
    box.selectAll()  # type: ignore[attr-defined]
    qtbot.keyClicks(box, text) if text else qtbot.keyClick(box, Qt.Key.Key_Delete)


@pytest.mark.parametrize("kind", ["curate", "validate"])
def test_an_untouched_form_gives_the_defaults(qtbot: QtBot, kind: str) -> None:
    form = SettingsForm(SETTINGS[kind])
    qtbot.addWidget(form)
    assert form.settings() == SETTINGS[kind]()


def test_every_kind_has_a_form(qtbot: QtBot) -> None:
    for model in SETTINGS.values():
        qtbot.addWidget(SettingsForm(model))


def test_a_wrong_number_is_told_at_its_field_while_typing(qtbot: QtBot) -> None:
    form = SettingsForm(ValidateSettings)
    qtbot.addWidget(form)
    form.show()
    _type(qtbot, form, "folds", "1")
    assert form.error("folds") == "At least 2."
    assert not form.is_valid
    with pytest.raises(ValidationError):
        form.settings()
    _type(qtbot, form, "folds", "12")
    assert form.error("folds") == ""
    assert form.values()["folds"] == 12
    _type(qtbot, form, "folds", "")
    assert form.error("folds") == "Fill this in."


def test_an_optional_number_may_be_empty_and_small_numbers_keep_their_digits(qtbot: QtBot) -> None:
    form = SettingsForm(ValidateSettings)
    qtbot.addWidget(form)
    form.show()
    form.more_button.click()
    _type(qtbot, form, "frozen_stages", "7")
    assert form.values()["frozen_stages"] == 7
    _type(qtbot, form, "frozen_stages", "")
    assert form.values()["frozen_stages"] is None
    _type(qtbot, form, "learning_rate", "0.00025")
    assert form.settings().learning_rate == 0.00025  # type: ignore[attr-defined]
    _type(qtbot, form, "learning_rate", "")
    assert form.values()["learning_rate"] is None and form.is_valid


def test_steps_stay_within_limits(qtbot: QtBot) -> None:
    form = SettingsForm(ValidateSettings)
    qtbot.addWidget(form)
    editor = form.field("image_size")
    assert isinstance(editor, IntEditor)
    editor.box.stepBy(100)
    assert editor.value() == 512
    editor.box.stepBy(-1)
    assert editor.value() == 480


def test_a_preset_fills_the_form_and_another_class_keeps_what_was_typed(qtbot: QtBot) -> None:
    form = _synthesize_form(qtbot)
    assert form.values()["epochs"] == QUICK_EPOCHS
    _type(qtbot, form, "epochs", "5")
    form.field("class_name").set_value("normal")
    assert form.values()["epochs"] == 5
    form.field("preset").set_value("published")
    assert (form.values()["epochs"], form.values()["batch_size"]) == (2500, 100)
    form.field("class_name").set_value("malignant")
    assert (form.values()["epochs"], form.values()["batch_size"]) == (4200, 150)
    assert form.settings() == SynthesizeSettings(class_name="malignant", preset="published")  # type: ignore[call-arg]


def test_a_changed_value_is_marked_and_can_be_taken_back(qtbot: QtBot) -> None:
    form = _synthesize_form(qtbot)
    mark = form._fields["epochs"].mark
    assert not mark.isVisible()
    _type(qtbot, form, "epochs", "7")
    assert mark.isVisible()
    qtbot.mouseClick(mark, Qt.MouseButton.LeftButton)
    assert form.values()["epochs"] == QUICK_EPOCHS
    _type(qtbot, form, "epochs", "7")
    qtbot.mouseClick(form.reset_button, Qt.MouseButton.LeftButton)
    assert form.values()["epochs"] == QUICK_EPOCHS
    assert form.values()["class_name"] == "benign"


def test_values_of_fields_that_are_not_shown_are_handed_on(qtbot: QtBot) -> None:
    form = SettingsForm(ValidateSettings, fields=("system", "folds"), hidden=("seed",))
    qtbot.addWidget(form)
    form.set_values({"seed": 5, "folds": 3})
    assert form.settings() == ValidateSettings(seed=5, folds=3)


def test_switches_have_three_states(qtbot: QtBot) -> None:
    form = SettingsForm(ValidateSettings)
    qtbot.addWidget(form)
    editor = form.field("carry_weights")
    assert isinstance(editor, ChoiceEditor)
    assert [editor.box.itemText(i) for i in range(editor.box.count())] == ["auto", "on", "off"]
    editor.set_value(False)
    assert form.settings().carry_weights is False  # type: ignore[attr-defined]


def test_fields_have_names_tooltips_and_buddies(qtbot: QtBot) -> None:
    form = SettingsForm(CurateSettings)
    qtbot.addWidget(form)
    box = form.field("min_correlation").focusProxy()
    assert box.accessibleName() == "Smallest correlation"
    assert "correlate" in box.toolTip()


def test_several_choices_come_from_a_menu(qtbot: QtBot) -> None:
    form = SettingsForm(ValidateSettings)
    qtbot.addWidget(form)
    editor = form.field("feature_networks")
    assert isinstance(editor, SetEditor) and editor.value() == () and editor.box.text() == "auto"
    assert "hybrid" not in editor.actions_of and "vgg-16" in editor.actions_of
    changes: list[tuple[str, ...]] = []
    form.changed.connect(lambda: changes.append(editor.value()))
    for name in ("vgg-16", "squeezenet", "vgg-19"):
        editor.actions_of[name].trigger()
    editor.actions_of["squeezenet"].trigger()
    assert changes == [("vgg-16",), ("vgg-16", "squeezenet"), ("vgg-16", "squeezenet", "vgg-19"), ("vgg-16", "vgg-19")]
    assert editor.box.text() == "vgg-16, vgg-19"
    assert form.settings().feature_networks == ("vgg-16", "vgg-19")  # type: ignore[attr-defined]
    form.set_values({"feature_networks": ["alexnet"]})
    assert editor.value() == ("alexnet",) and editor.actions_of["alexnet"].isChecked()
    form.reset()
    assert editor.value() == () and not editor.actions_of["alexnet"].isChecked()
