"""Curation finds copies of a picture under any name and class, and keeps different pictures apart."""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from busapp.engine import jobs
from busapp.engine.catalog import NewImage
from busapp.engine.curation.covering import cover_image
from busapp.engine.curation.job import curate, is_curated
from busapp.engine.events import Finished, Progress, Skipped
from busapp.engine.images.preprocessing import read_image
from busapp.engine.settings import CurateSettings, ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import NotEnoughImages


def curated(workspace: Workspace, **settings: Any) -> dict[str, Any]:
    last = list(jobs.start(workspace, CurateSettings(**settings)))[-1]
    assert isinstance(last, Finished)
    return last.result


def add(workspace: Workspace, file: str, image: Image.Image, kind: str = "real") -> int:
    """Add an image to the study under a name `class/file`, and return its id."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    sha256 = workspace.store_image(stream.getvalue(), ".png")
    new = NewImage(file, sha256, ".png", file.split("/")[0], image.width, image.height, kind)  # type: ignore[arg-type]
    workspace.catalog.add([new], "added")
    return workspace.catalog.images()[-1].id


def first_image(workspace: Workspace) -> Image.Image:
    return read_image(workspace.image_path(workspace.catalog.images()[0]))


def test_different_phantoms_are_all_groups_of_their_own(phantom_study: Workspace) -> None:
    assert not is_curated(phantom_study)
    result = curated(phantom_study)
    assert (result["n_images"], result["n_groups"], result["n_pairs"]) == (24, 24, 0)
    assert (result["groups"], result["conflicts"], result["flags"]) == ([], [], {})
    assert is_curated(phantom_study)
    assert all(image.group_id == image.id for image in phantom_study.catalog.images())


def with_callipers(image: Image.Image) -> Image.Image:
    marked = image.copy()
    ImageDraw.Draw(marked).line([(20, 30), (40, 30)], fill="white")
    return marked


@pytest.mark.parametrize(
    "alter",
    [
        ImageOps.mirror,
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
        lambda image: image.resize((150, 100)),
        with_callipers,
    ],
    ids=["mirrored", "darker", "flatter", "resized", "callipers"],
)
def test_an_altered_copy_joins_its_original(
    phantom_study: Workspace, alter: Callable[[Image.Image], Image.Image]
) -> None:
    original = phantom_study.catalog.images()[0]
    copy = add(phantom_study, "benign/copy.png", alter(first_image(phantom_study)))
    result = curated(phantom_study)
    assert result["groups"] == [{"files": [original.file, "benign/copy.png"], "classes": ["benign", "benign"]}]
    assert result["n_groups"] == 24
    assert result["conflicts"] == []
    groups = {image.id: image.group for image in phantom_study.catalog.images()}
    assert groups[copy] == groups[original.id] == original.id


def test_a_copy_under_another_class_is_a_conflict(phantom_study: Workspace) -> None:
    original = phantom_study.catalog.images()[0]
    copy = add(phantom_study, "malignant/copy.png", ImageOps.mirror(first_image(phantom_study)))
    assert curated(phantom_study)["conflicts"] == [[original.file, "malignant/copy.png"]]
    assert phantom_study.catalog.conflicts() == [(original.id, copy)]
    phantom_study.catalog.reclassify([copy], "benign")
    assert curated(phantom_study)["conflicts"] == []


def test_alike_images_chain_into_one_group(phantom_study: Workspace) -> None:
    """A resembles B and B resembles C: all three form one group, even if A and C differ too much."""
    image = first_image(phantom_study)
    for number, angle in enumerate((2, 4, 6, 8), start=1):
        add(phantom_study, f"benign/turned {number}.png", image.rotate(angle, Image.Resampling.BICUBIC))
    result = curated(phantom_study)
    (group,) = (group for group in result["groups"] if "benign/turned 4.png" in group["files"])
    assert len(group["files"]) == 5
    assert result["n_pairs"] < 10, "the ends of the chain should differ"


@pytest.mark.parametrize("alter", [lambda image: image, ImageOps.mirror])
def test_a_copy_stays_with_its_original_however_much_is_covered(
    phantom_study: Workspace, alter: Callable[[Image.Image], Image.Image]
) -> None:
    first = phantom_study.catalog.images()[0]
    copy = phantom_study.catalog.image(add(phantom_study, "benign/copy.png", alter(first_image(phantom_study))))
    assert copy is not None
    cover_image(phantom_study, copy, [(0, 0, copy.width, round(0.8 * copy.height))], "black")
    curated(phantom_study)
    groups = {image.id: image.group for image in phantom_study.catalog.images()}
    assert groups[copy.id] == groups[first.id]


def test_the_thresholds_are_the_settings(phantom_study: Workspace) -> None:
    add(phantom_study, "benign/turned.png", first_image(phantom_study).rotate(1, Image.Resampling.BICUBIC))
    assert curated(phantom_study, min_correlation=1.0, min_agreement=1.0)["n_pairs"] == 0
    assert curated(phantom_study, min_correlation=0.9, min_agreement=1.0)["n_pairs"] == 1
    assert curated(phantom_study, min_correlation=1.0, min_agreement=0.6)["n_pairs"] == 1


def test_each_pair_says_how_it_came_to_be(phantom_study: Workspace) -> None:
    image = first_image(phantom_study)
    original = phantom_study.catalog.images()[0].id
    mirrored = add(phantom_study, "benign/mirrored.png", ImageOps.mirror(image))
    copied = add(phantom_study, "benign/copied.png", image)
    curated(phantom_study)
    pairs = {(pair.first, pair.second): pair for pair in phantom_study.catalog.pairs()}
    assert pairs[original, mirrored].how == "mirrored"
    assert pairs[original, copied].how == "same file"
    assert all(0.9 < pair.similarity <= 1 and pair.verdict is None for pair in pairs.values())


def test_what_the_user_called_different_stays_apart(phantom_study: Workspace) -> None:
    original = phantom_study.catalog.images()[0].id
    copy = add(phantom_study, "malignant/copy.png", ImageOps.mirror(first_image(phantom_study)))
    assert curated(phantom_study)["n_groups"] == 24
    phantom_study.catalog.judge([(original, copy)], "different")
    result = curated(phantom_study)
    assert (result["n_groups"], result["n_pairs"], result["groups"], result["conflicts"]) == (25, 0, [], [])


def test_images_are_measured(phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    phantom_study.image_path(images[3]).write_bytes(b"bit rot")
    curated(phantom_study)
    measures = phantom_study.catalog.measures()
    assert set(measures) == {image.id for image in images} - {images[3].id}
    grey = first_image(phantom_study).convert("L")
    assert measures[images[0].id].brightness == pytest.approx(float(np.asarray(grey).mean()))


def test_synthetic_images_take_no_part(phantom_study: Workspace) -> None:
    drawn = add(phantom_study, "malignant/drawn.png", first_image(phantom_study), kind="synthetic")
    result = curated(phantom_study)
    assert (result["n_images"], result["n_groups"], result["conflicts"]) == (24, 24, [])
    assert is_curated(phantom_study)
    assert phantom_study.catalog.images()[-1].id == drawn
    assert phantom_study.catalog.images()[-1].group_id is None


def test_blank_images_resemble_nothing_but_their_own_bytes(phantom_study: Workspace) -> None:
    for name, grey in (("black", 0), ("black again", 0), ("white", 255)):
        add(phantom_study, f"normal/{name}.png", Image.new("RGB", (64, 64), (grey,) * 3))
    result = curated(phantom_study)
    assert [group["files"] for group in result["groups"]] == [["normal/black.png", "normal/black again.png"]]
    assert result["flags"] == {f"normal/{name}.png": ["blank"] for name in ("black", "black again", "white")}


def test_images_of_one_name_keep_the_flags_of_each(phantom_study: Workspace) -> None:
    add(phantom_study, "normal/a.png", first_image(phantom_study).resize((63, 200)))
    add(phantom_study, "normal/a.png", Image.new("RGB", (128, 128), "grey"))
    add(phantom_study, "normal/a.png", first_image(phantom_study))
    assert curated(phantom_study)["flags"] == {"normal/a.png": ["blank", "tiny"]}


def test_the_result_names_its_thresholds(phantom_study: Workspace) -> None:
    result = curated(phantom_study, min_correlation=0.9, min_agreement=0.6)
    assert result["settings"] == {"min_correlation": 0.9, "min_agreement": 0.6}


def test_an_image_that_cannot_be_read_is_skipped_and_stays_alone(phantom_study: Workspace) -> None:
    image = phantom_study.catalog.images()[3]
    phantom_study.image_path(image).write_bytes(b"bit rot")
    events = list(jobs.start(phantom_study, CurateSettings()))
    assert [event.file for event in events if isinstance(event, Skipped)] == [image.file]
    assert events[-1].result["flags"] == {image.file: ["unreadable"]}  # type: ignore[attr-defined]
    assert is_curated(phantom_study)


def test_new_images_end_the_validity_of_curation(phantom_study: Workspace) -> None:
    curated(phantom_study)
    add(phantom_study, "benign/new.png", ImageOps.mirror(first_image(phantom_study)))
    assert not is_curated(phantom_study)


def test_cancelling_leaves_what_was_found_before(phantom_study: Workspace) -> None:
    curated(phantom_study)
    add(phantom_study, "benign/copy.png", ImageOps.mirror(first_image(phantom_study)))
    before = phantom_study.catalog.fingerprint()
    job = curate(phantom_study, CurateSettings(), phantom_study.new_run("curate", {}))
    for _ in range(10):
        next(job)
    job.close()
    assert phantom_study.catalog.fingerprint() == before


def test_an_empty_study_is_told_to_import_first(empty_study: Workspace) -> None:
    with pytest.raises(NotEnoughImages, match="Import some first"):
        curated(empty_study)


def test_cancelling_while_images_are_looked_at_ends_the_threads(phantom_study: Workspace) -> None:
    job = curate(phantom_study, CurateSettings(), phantom_study.new_run("curate", {}))
    next(job)
    assert any(thread.name.startswith("looking") for thread in threading.enumerate())
    job.close()
    assert not any(thread.name.startswith("looking") for thread in threading.enumerate())


def test_progress_only_grows_and_ends_full(phantom_study: Workspace) -> None:
    events = [event for event in jobs.start(phantom_study, CurateSettings()) if isinstance(event, Progress)]
    shares = [event.done / event.total for event in events]
    assert shares == sorted(shares) and shares[-1] == 1
    assert events[23].what == "checked 24 of 24 images"


def test_runs_of_the_first_version_can_still_be_read() -> None:
    assert CurateSettings.model_validate({"max_distance": 90, "min_correlation": 0.9}).min_correlation == 0.9


@pytest.mark.busi
def test_busi_has_its_known_conflicts_and_no_lumps(empty_study: Workspace, busi_256: Path) -> None:
    """Brute force (thumbnails that correlate at more than 0.97) finds 203 pairs, 613 groups and 10 conflicts. Curation
    finds 30 more pairs: 25 show the same frame wider or shifted, and 5 are neighbouring frames of one film, of which
    brute force finds a part."""
    list(jobs.start(empty_study, ImportSettings(sources=(busi_256,))))
    result = curated(empty_study)
    assert (result["n_images"], result["n_groups"], result["n_pairs"]) == (780, 590, 233)
    assert max(len(group["files"]) for group in result["groups"]) == 7
    assert len(result["conflicts"]) == 11
    assert ["benign/benign (42).png", "malignant/malignant (51).png"] in result["conflicts"]
