"""Settings are validated, filled from presets and protocols, and saved with a run without loss."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from busapp.engine.settings import SETTINGS, ImportSettings, JobSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.settings.systems import PROTOCOLS, Leaks

MINIMAL: dict[str, dict[str, Any]] = {
    "import": {"sources": ["folder"]},
    "curate": {},
    "cover": {},
    "synthesize": {"class_name": "normal"},
    "validate": {},
    "balance": {},
    "leaks": {},
    "gain": {},
    "rivals": {},
    "optimizers": {},
    "diagnose": {"images": ["a.png"]},
    "export": {"run": "20250101-000000-validate"},
    "share": {"out": "folder"},
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_come_back_from_their_json(kind: str) -> None:
    settings = SETTINGS[kind].model_validate(MINIMAL[kind])
    assert SETTINGS[kind].model_validate(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize("kind", SETTINGS)
def test_an_unknown_setting_is_refused(kind: str) -> None:
    with pytest.raises(ValidationError, match="colour"):
        SETTINGS[kind].model_validate(MINIMAL[kind] | {"colour": "red"})


@pytest.mark.parametrize("model", SETTINGS.values(), ids=lambda model: model.kind)
def test_every_field_is_described_for_people(model: type[JobSettings]) -> None:
    for name, field in model.model_fields.items():
        assert field.title and field.description, name


@pytest.mark.parametrize(
    ("class_name", "batch_size", "epochs"), [("malignant", 150, 4200), ("normal", 100, 2500), ("benign", 150, 4200)]
)
def test_the_published_preset_is_the_papers(class_name: str, batch_size: int, epochs: int) -> None:
    settings = SynthesizeSettings.model_validate({"class_name": class_name, "preset": "published"})
    assert (settings.batch_size, settings.epochs) == (batch_size, epochs)
    assert (settings.image_size, settings.noise, settings.learning_rate) == (224, 100, 0.001)


def test_what_is_given_goes_before_the_preset_and_none_means_not_given() -> None:
    given = {"class_name": "malignant", "preset": "published", "epochs": 3, "batch_size": None}
    settings = SynthesizeSettings.model_validate(given)
    assert (settings.epochs, settings.batch_size) == (3, 150)


def test_the_quick_preset_is_the_default_for_every_class() -> None:
    settings = SynthesizeSettings.model_validate({"class_name": "malignant"})
    assert (settings.preset, settings.image_size) == ("quick", 64)
    assert settings.epochs < 1000


def test_a_protocol_sets_all_leaks_and_each_can_be_set_by_itself() -> None:
    assert ValidateSettings(protocol="strict").leaks == PROTOCOLS["strict"]
    assert ValidateSettings(protocol="published").leaks == PROTOCOLS["published"]
    mixed = ValidateSettings(protocol="published", carry_weights=False).leaks
    everything = dict.fromkeys(Leaks.model_fields, True)
    assert mixed == Leaks(**{**everything, "carry_weights": False})


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (ImportSettings, {"sources": []}),
        (ValidateSettings, {"folds": 1}),
        (ValidateSettings, {"protocol": "lenient"}),
        (ValidateSettings, {"image_size": 8}),
        (ValidateSettings, {"network": "lenet"}),
        (ValidateSettings, {"learning_rate": 0}),
        (SynthesizeSettings, {}),
        (SynthesizeSettings, {"class_name": "normal", "image_size": 60}),
        (SynthesizeSettings, {"class_name": "normal", "preset": "slow"}),
    ],
)
def test_values_out_of_range_are_refused(model: type[JobSettings], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(values)


def test_settings_cannot_be_changed_after_they_were_validated() -> None:
    settings = ImportSettings(sources=(Path("folder"),))
    with pytest.raises(ValidationError, match="frozen"):
        settings.class_name = "benign"  # type: ignore[misc]


def test_a_path_whose_name_is_no_text_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValidationError, match="rename it"):
        ImportSettings(sources=(Path("gutartig_\udce4"),))
    assert ImportSettings(sources=(Path("gutartig_ä"),)).sources == (Path("gutartig_ä"),)
