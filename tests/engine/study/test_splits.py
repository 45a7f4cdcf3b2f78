"""Folds under both protocols."""

import numpy as np
import pytest

from busapp.engine.catalog import FoundPair, ImageRecord, NewImage
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.splits import Selection, forbidden_hashes, groups_split, make_folds, select
from busapp.engine.study.workspace import Workspace
from busapp.errors import NotEnoughImages

BUSI = {"benign": 437, "malignant": 210, "normal": 133}


def record(number: int, class_name: str, group: int | None = None) -> ImageRecord:
    return ImageRecord(
        id=number,
        file=f"{class_name}/{number}.png",
        sha256=f"{number:064x}",
        suffix=".png",
        class_name=class_name,
        kind="real",
        width=1,
        height=1,
        mask=None,
        source="",
        run=None,
        group_id=group,
        excluded=None,
    )


def selection_of(counts: dict[str, int], *, group_size: int = 1) -> Selection:
    records, number = [], 0
    for class_name, count in counts.items():
        for position in range(count):
            records.append(record(number, class_name, group=number - position % group_size))
            number += 1
    return Selection(tuple(records), tuple(counts), set_aside=0, conflicts=0)


def test_the_published_hold_out_tests_156_of_busi() -> None:
    folds = make_folds(selection_of(BUSI), ValidateSettings(system="existing", protocol="published"))
    assert len(folds) == 1
    assert len(folds[0].test) == 156
    labels = selection_of(BUSI).labels
    assert np.bincount(labels[folds[0].test]) == pytest.approx([87, 42, 27], abs=1)


def test_synthetic_image_is_never_in_a_selection(phantom_study: Workspace) -> None:
    new = [
        NewImage(f"synthetic/{name}/{n}.png", f"{name}{n}", ".png", name, 16, 16, kind="synthetic", run="r")
        for name in ("benign", "malignant", "cyst")
        for n in range(9)
    ]
    phantom_study.catalog.add(new, "drawn")
    for system in ("existing", "system1", "system2"):
        for protocol in ("published", "strict"):
            settings = ValidateSettings.model_validate({"system": system, "protocol": protocol, "folds": 2})
            selection = select(phantom_study, settings)
            assert len(selection.records) == 24 and selection.classes == ("benign", "malignant", "normal")
            for fold in make_folds(selection, settings):
                assert max(*fold.train, *fold.test) < 24
    drawn = phantom_study.catalog.images(kind="synthetic")[0]
    with pytest.raises(ValueError, match="a synthetic image must never be tested on"):
        Selection((*selection.records, drawn), selection.classes, 0, 0)


@pytest.mark.parametrize("protocol", ["published", "strict"])
def test_ten_folds_test_every_image_once(protocol: str) -> None:
    selection = selection_of(BUSI, group_size=2)
    folds = make_folds(selection, ValidateSettings.model_validate({"protocol": protocol}))
    assert len(folds) == 10
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == list(range(780))
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(780))
        assert np.bincount(selection.labels[fold.test]) == pytest.approx([43.7, 21, 13.3], abs=3)


@pytest.mark.parametrize("system", ["existing", "system1", "system2"])
def test_strict_keeps_groups_whole_and_published_does_not(system: str) -> None:
    selection = selection_of(BUSI, group_size=3)
    for protocol, is_split in (("strict", False), ("published", True)):
        folds = make_folds(selection, ValidateSettings.model_validate({"system": system, "protocol": protocol}))
        assert bool(groups_split(folds, selection.groups)) == is_split


def test_a_group_is_counted_once_however_many_folds_split_it() -> None:
    selection = selection_of({"benign": 6, "malignant": 6}, group_size=6)
    settings = ValidateSettings(folds=3, protocol="published")
    assert groups_split(make_folds(selection, settings), selection.groups) == 2


def test_the_same_seed_gives_the_same_folds() -> None:
    def tested(seed: int) -> list[list[int]]:
        return [fold.test.tolist() for fold in make_folds(selection_of(BUSI), ValidateSettings(seed=seed))]

    assert tested(1) == tested(1) != tested(2)


@pytest.mark.parametrize(
    ("counts", "group_size", "said"),
    [
        ({}, 1, "no images"),
        ({"benign": 40}, 1, "single class"),
        ({"benign": 40, "normal": 9}, 1, "normal has 9 groups of images"),
        ({"benign": 40, "normal": 40}, 5, "benign has 8 groups of images"),
        ({"benign": 40, "normal": 40, "malignant": 0}, 1, "malignant has 0"),
    ],
)
def test_too_few_images_are_said_in_words(counts: dict[str, int], group_size: int, said: str) -> None:
    with pytest.raises(NotEnoughImages, match=said):
        make_folds(selection_of(counts, group_size=group_size), ValidateSettings(folds=10))


def test_published_needs_images_not_groups() -> None:
    selection = selection_of({"benign": 40, "normal": 40}, group_size=5)
    assert len(make_folds(selection, ValidateSettings(folds=10, protocol="published"))) == 10


def test_a_synthetic_image_is_never_in_a_selection() -> None:
    with pytest.raises(ValueError, match="synthetic"):
        Selection((record(1, "benign")._replace(kind="synthetic"),), ("benign",), 0, 0)


def test_conflicting_and_excluded_images_are_set_aside(phantom_study: Workspace) -> None:
    catalog = phantom_study.catalog
    images = catalog.images()
    benign, malignant = (next(i for i in images if i.class_name == name) for name in ("benign", "malignant"))
    catalog.set_curation([], [FoundPair(benign.id, malignant.id, 0.99, "looks alike")], {}, {})
    catalog.exclude([next(i for i in images if i.class_name == "normal").id], "blurred")

    strict = select(phantom_study, ValidateSettings(protocol="strict"))
    assert strict.counts == {"benign": 7, "malignant": 7, "normal": 7}
    assert (strict.set_aside, strict.conflicts) == (2, 0)
    published = select(phantom_study, ValidateSettings(protocol="published"))
    assert published.counts == {"benign": 8, "malignant": 8, "normal": 7}
    assert (published.set_aside, published.conflicts) == (0, 1)


def test_what_a_generator_must_not_have_seen_includes_group_mates_that_were_set_aside() -> None:
    selection = selection_of({"benign": 10, "malignant": 10})
    fold = make_folds(selection, ValidateSettings(folds=5))[0]
    tested = [selection.records[position] for position in fold.test]
    mate = record(99, "normal", group=tested[0].group)
    forbidden = forbidden_hashes(selection, fold, [*selection.records, mate])
    assert forbidden == {image.sha256 for image in [*tested, mate]}
