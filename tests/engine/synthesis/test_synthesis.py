"""The job `synthesize`: from a class of the study to new images in its catalog."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pulling import result_of, texts

from busapp.engine import jobs
from busapp.engine.events import Job, Progress
from busapp.engine.gan import drawing
from busapp.engine.gan.drawing import known_of, read_drawn
from busapp.engine.images.preprocessing import Preprocessing, read_image
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis import job
from busapp.engine.utils.files import sha256_of
from busapp.errors import BadInput, MissingWeights, NoSpace, NotEnoughImages
from busapp.summaries import summary

SMALL = {"image_size": 16, "noise": 8, "batch_size": 4, "epochs": 1, "sample_every": 1, "checkpoint_every": 1}
OF = ("", "_floor")
SCORES = ("kid", "fid", "precision", "recall")

NEW = {"left_out", "n_scored", "kid_floor_spread"} | {
    f"{name}{of}{what}" for name in SCORES[1:] for of in OF for what in ("", "_spread")
}


@pytest.fixture(autouse=True)
def _own_user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("busapp.paths.user_data_dir", lambda: tmp_path)


def settings_of(**given: object) -> SynthesizeSettings:
    return SynthesizeSettings.model_validate({"class_name": "malignant", **SMALL, **given})


def no_weights(_pixels: object, weights_file: object = None) -> None:
    raise MissingWeights("No ImageNet weights")


def channel_means(pixels: Any, weights_file: object = None) -> Any:
    """Return features that need no weights."""
    return pixels.reshape(len(pixels), -1, 3).mean(axis=1).astype(np.float32) / 255


@pytest.fixture(autouse=True)
def _embed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", channel_means)


def exclude_some(study: Workspace, class_name: str, count: int) -> None:
    study.catalog.exclude([image.id for image in study.catalog.images(class_name=class_name)[:count]], "test")


def test_class_is_grown_to_the_largest(phantom_study: Workspace) -> None:
    extra = phantom_study.catalog.images(class_name="normal")[:3]
    phantom_study.catalog.reclassify([image.id for image in extra], "benign")
    assert phantom_study.catalog.counts()["benign"] == 11
    events = list(jobs.start(phantom_study, settings_of(backend="tensorflow")))
    result = result_of(events)

    run = phantom_study.runs("synthesize")[0]
    drawn = phantom_study.catalog.images(class_name="malignant", kind="synthetic")
    assert len(drawn) == result["images"] == 3
    assert [image.file for image in drawn] == [f"synthetic/malignant/{run.id}-{n:04d}.png" for n in (1, 2, 3)]
    assert all(image.run == run.id and (image.width, image.height) == (16, 16) for image in drawn)
    with Image.open(phantom_study.image_path(drawn[0])) as picture:
        assert (picture.size, picture.mode) == ((16, 16), "RGB")
    assert phantom_study.catalog.history()[0].what == f"3 synthetic malignant images drawn by the run “{run.info.name}”"

    assert set(result) == {
        *("run", "class", "preset", "backend", "epochs", "steps", "seconds", "g_loss", "d_loss", "images"),
        *("copies", "left_out", "n_scored"),
        *(f"{name}{of}{what}" for name in SCORES for of in ("", "_floor") for what in ("", "_spread")),
    }
    assert (result["run"], result["class"], result["preset"]) == (run.id, "malignant", "quick")
    assert (result["backend"], result["epochs"], result["steps"], result["copies"]) == ("tensorflow", 1, 2, 0)
    assert all(np.isfinite(result[f"{name}{of}"]) for name in SCORES for of in ("", "_floor", "_floor_spread"))
    assert (result["n_scored"], result["left_out"]) == (4, 0)
    rows = read_drawn(run.folder)
    assert [row.number for row in rows] == list(range(1, 9)), "five more were drawn for the scores"
    assert [(row.file, row.sha256) for row in rows[:3]] == [(image.file, image.sha256) for image in drawn]
    assert {row.file for row in rows[3:]} == {""}
    real = {image.file: image.sha256 for image in phantom_study.catalog.images(class_name="malignant", kind="real")}
    assert all(real[row.nearest_file] == row.nearest_sha256 and -1 <= row.correlation < 0.97 for row in rows)
    assert any("not all images of the class were checked" in text.lower() for text in texts(events))
    assert run.info.state == "finished"
    assert run.result() == result
    assert texts(events)[0].startswith("Training on 8 images for 1 epoch takes ")

    assert phantom_study.catalog.undo() is not None
    assert phantom_study.catalog.counts("synthetic")["malignant"] == 0


def test_cancelled_run_goes_on_and_adds_its_images_once(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", no_weights)

    def stop_at(pulled: Job, words: str) -> None:
        for event in pulled:
            if isinstance(event, Progress) and event.what.startswith(words):
                pulled.close()

    stop_at(jobs.start(phantom_study, settings_of(count=2)), "epoch 1")
    run = phantom_study.runs("synthesize")[0]
    assert run.can_resume
    stop_at(jobs.resume(phantom_study, run.id), "scoring")
    assert len(phantom_study.catalog.images(run=run.id)) == 2, "the catalog was changed before the job was stopped"
    events = list(jobs.resume(phantom_study, run.id))
    assert result_of(events)["images"] == 2
    assert len(phantom_study.catalog.images(run=run.id)) == 2
    result = result_of(events)
    assert {result[f"{name}{of}"] for name in SCORES for of in ("", "_spread", "_floor", "_floor_spread")} == {None}
    assert result["n_scored"] is None
    assert any(text.startswith("The images were not scored: No ImageNet weights.") for text in texts(events))


def test_class_must_be_there_and_large_enough(phantom_study: Workspace) -> None:
    with pytest.raises(BadInput, match=r"no class “cyst”.*benign, malignant, normal"):
        list(jobs.start(phantom_study, settings_of(class_name="cyst")))
    exclude_some(phantom_study, "malignant", 1)
    with pytest.raises(NotEnoughImages, match="has 7 real images; a generator needs at least 8"):
        list(jobs.start(phantom_study, settings_of()))


def explained(n_images: int, batch_size: int) -> str:
    return texts(list(job._explain(settings_of(batch_size=batch_size), n_images)))[1]


def test_what_becomes_of_the_rest_is_said() -> None:
    assert explained(210, 150) == "An epoch is a batch of 150 images and a smaller last batch with the remaining 60."
    assert explained(210, 100) == "An epoch is 2 batches of 100 images and a smaller last batch with the remaining 10."
    assert explained(90, 100).startswith("The class is smaller than a batch of 100")
    assert len(list(job._explain(settings_of(batch_size=10), 20))) == 1


def test_copies_are_kept_to_be_looked_at_and_not_added(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [copied, *_] = phantom_study.catalog.images(class_name="malignant")
    picture = Preprocessing(16).pixels(read_image(phantom_study.image_path(copied)))
    whole = drawing.draw_in_parts

    def with_copies(*given: Any) -> Any:
        for part in whole(*given):
            part[[0, 4]] = picture, picture[:, ::-1]
            yield part

    monkeypatch.setattr(drawing, "draw_in_parts", with_copies)
    events = list(jobs.start(phantom_study, settings_of(count=3)))
    result, run = result_of(events), phantom_study.runs("synthesize")[0]
    assert (result["images"], result["copies"]) == (3, 2)
    assert "drawing: 2 copies of training images skipped." in texts(events)
    added = phantom_study.catalog.images(kind="synthetic")
    assert [image.file[-8:] for image in added] == ["0002.png", "0003.png", "0004.png"]
    copies = [row for row in read_drawn(run.folder) if row.copy]
    assert [(row.number, row.file, row.mirrored) for row in copies] == [
        (1, "copies/0001.png", False),
        (5, "copies/0005.png", True),
    ]
    assert {(row.nearest_file, row.nearest_sha256) for row in copies} == {(copied.file, copied.sha256)}
    for row in copies:
        assert sha256_of((run.folder / row.file).read_bytes()) == row.sha256
        assert row.correlation >= 0.97


def test_crash_before_the_change_leaves_no_rows_without_their_images(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("busapp.engine.classifiers.features.embed", no_weights)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    for stage in ("busapp.engine.synthesis.job.write_drawn", "busapp.engine.catalog.Catalog.add"):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(stage, killed)
            runs = phantom_study.runs("synthesize")
            list(jobs.resume(phantom_study, runs[0].id) if runs else jobs.start(phantom_study, settings_of(count=2)))
    [run] = phantom_study.runs("synthesize")
    assert result_of(list(jobs.resume(phantom_study, run.id)))["images"] == 2
    added = {(image.file, image.sha256) for image in phantom_study.catalog.images(run=run.id)}
    assert {(row.file, row.sha256) for row in read_drawn(run.folder) if row.file} == added and len(added) == 2


def test_full_disk_while_storing_leaves_the_catalog_as_it_was(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise NoSpace("The disk is full")

    store_image = Workspace.store_image
    monkeypatch.setattr(Workspace, "store_image", full)
    before = phantom_study.catalog.fingerprint()
    with pytest.raises(NoSpace):
        list(jobs.start(phantom_study, settings_of(count=2)))
    run = phantom_study.runs("synthesize")[0]
    assert phantom_study.catalog.fingerprint() == before and known_of(run.folder) == []
    monkeypatch.setattr(Workspace, "store_image", store_image)
    assert result_of(list(jobs.resume(phantom_study, run.id)))["images"] == 2


def test_too_few_kept_together_are_not_scored(phantom_study: Workspace) -> None:
    ids = [image.id for image in phantom_study.catalog.images(class_name="malignant")]
    phantom_study.catalog.join(ids[:5])
    events = list(jobs.start(phantom_study, settings_of(count=0)))
    assert result_of(events)["n_scored"] is None and result_of(events)["kid"] is None
    assert any("too few for two sets of 4 without near-duplicates" in text for text in texts(events))


def test_the_summary_names_every_score_with_its_floor_and_takes_older_results(phantom_study: Workspace) -> None:
    result = result_of(list(jobs.start(phantom_study, settings_of(count=1))))
    lines = summary("synthesize", result)
    assert lines[0].startswith("1 synthetic image of malignant drawn after 1 epoch")
    assert [line.split()[0] for line in lines[1:5]] == ["KID", "FID", "Precision", "Recall"]
    for line, name, decimals in zip(lines[1:5], SCORES, (3, 1, 2, 2), strict=True):
        words = [f"{result[f'{name}{of}']:.{decimals}f} ± {result[f'{name}{of}_spread']:.{decimals}f}" for of in OF]
        assert f"{words[0]}; real against real {words[1]} (".replace("-0.000 ", "0.000 ") in line
    assert "biased at this n, compare only with its floor" in lines[2]
    assert "subsets of 4 images on each side" in lines[5]
    older = {name: value for name, value in result.items() if name not in NEW} | {
        "kid": 0.2,
        "kid_spread": 0.02,
        "kid_floor": 0.01,
        "copies": 1,
    }
    assert summary("synthesize", older)[1:] == [
        "KID 0.200 ± 0.020; real against real 0.010 (smaller is nearer to real, around 0 if the two cannot be told "
        "apart).",
        "1 near-copy of training images left out.",
    ]
