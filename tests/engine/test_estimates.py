"""Estimates of time: remembered from earlier runs, otherwise rough."""

import pytest

from busapp import paths
from busapp.engine import estimates, speeds
from busapp.engine.settings import ImportSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under a second"),
        (40, "40 s"),
        (59.7, "1 min"),
        (1440, "24 min"),
        (3599, "1 h"),
        (11_400, "3 h 10 min"),
        (86_390, "1 day"),
        (136_800, "1 day 14 h"),
        (200_000, "2 days 8 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert speeds.in_words(seconds) == words


def test_what_was_measured_here_replaces_the_reference() -> None:
    assert speeds.expect("gan-224", 10) == speeds.Estimate(1.6, measured=False)
    speeds.remember("gan-224", 0.5)
    assert speeds.expect("gan-224", 10) == speeds.Estimate(5.0, measured=True)
    assert not speeds.expect("gan-64", 10).measured
    speeds.remember("gan-224", float("nan"))
    assert speeds.expect("gan-224", 10).seconds == 5.0


@pytest.mark.parametrize("content", ["{", "[1]", '{"gan-224": "fast"}', '{"gan-224": -1}'])
def test_a_damaged_memory_is_ignored_and_written_anew(content: str) -> None:
    (paths.user_data_dir() / "speeds.json").write_text(content)
    assert not speeds.expect("gan-224", 1).measured
    speeds.remember("gan-224", 0.5)
    assert speeds.expect("gan-224", 1).measured


def test_a_memory_that_cannot_be_written_is_no_error() -> None:
    (paths.user_data_dir() / "speeds.json").mkdir()
    speeds.remember("gan-224", 0.5)


def test_estimates_of_runs(phantom_study: Workspace) -> None:
    def seconds(**given: object) -> float:
        found = estimates.estimate(ValidateSettings.model_validate({"epochs": 2, **given}), phantom_study)
        assert found is not None
        return found.seconds

    assert 9 * seconds(system="existing") < 10 * seconds(system="system1") < 150 * seconds(system="existing")
    assert seconds(frozen_stages=0) > seconds(frozen_stages=7) > seconds(frozen_stages=14)
    assert seconds(pretrained=False) == seconds(frozen_stages=0)

    malignant = phantom_study.catalog.images(class_name="malignant")
    phantom_study.catalog.exclude([image.id for image in malignant[:4]], "test")
    assert seconds(system="system2", protocol="strict") > seconds(system="system2", protocol="published")
    gan = estimates.estimate(SynthesizeSettings(class_name="malignant", epochs=10, image_size=224), phantom_study)
    assert gan == speeds.Estimate(0.16 * 10 * 4, measured=False)
    assert estimates.estimate(ImportSettings(sources=("x",)), phantom_study) is None  # type: ignore[arg-type]
