"""The nearest training images that a run recorded."""

import pytest
from drawn_runs import drawn_images, drawn_run, noise_png, write_drawn

from busapp.engine.catalog import Cover
from busapp.engine.images.preprocessing import read_image
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.nearest import StudyWithCopies, read_neighbours
from busapp.engine.utils.files import sha256_of
from busapp.errors import BadInput


def test_the_most_alike_come_first_with_their_copies(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 3)
    one, two, three = drawn_images(phantom_study, run)
    real = phantom_study.catalog.images(class_name="malignant", kind="real")[0]
    copy = noise_png(99)
    (run.folder / "copies").mkdir()
    (run.folder / "copies" / "3.png").write_bytes(copy)
    write_drawn(
        run,
        [
            (1, one.file, one.sha256, real.file, real.sha256, "0.4125", "no", "no"),
            (2, two.file, two.sha256, real.file, real.sha256, "0.8312", "yes", "no"),
            (3, "copies/3.png", sha256_of(copy), real.file, real.sha256, "0.9712", "no", "yes"),
            (4, three.file, three.sha256, "malignant/old.png", 64 * "0", "0.2", "no", "no"),
            (5, "synthetic/malignant/gone.png", 64 * "1", real.file, real.sha256, "0.1", "no", "no"),
            (6, "", 64 * "2", real.file, real.sha256, "0.9", "no", "no"),  # drawn to be scored alone
        ],
    )
    phantom_study.catalog.exclude([one.id], "poor")
    found = read_neighbours(phantom_study, run)
    assert [row.number for row in found] == [3, 2, 1, 4, 5]
    assert found[0].lines() == ["Correlation 0.97", real.file, "Copy: not added to the study"]
    assert found[1].lines() == ["Correlation 0.83, mirrored", real.file]
    assert found[1].drawn == two and found[1].nearest == real
    assert found[2].lines()[-1] == "Set aside: poor"
    assert found[3].nearest is None and "not in the study any more" in found[3].lines()[1]
    assert found[4].is_gone and found[4].lines()[-1] == "Not in the study any more"
    with_copies = StudyWithCopies.of(phantom_study, run)
    assert with_copies.image_path(found[0].drawn) == run.folder / "copies" / "3.png"
    assert read_image(with_copies.image_path(found[0].drawn)).size == (16, 16)
    assert with_copies.image_path(two) == phantom_study.image_path(two)


def test_runs_without_the_list_and_damaged_lists_are_told(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 1)
    with pytest.raises(BadInput, match="has not recorded which"):
        read_neighbours(phantom_study, run)
    path = write_drawn(run, [(1, "a", "b", "c", "d", "much", "no", "no")])
    with pytest.raises(BadInput, match="cannot be read"):
        read_neighbours(phantom_study, run)
    path.write_bytes(b"number,file\n1,a\n")
    with pytest.raises(BadInput, match="cannot be read"):
        read_neighbours(phantom_study, run)
    write_drawn(run, [])
    assert read_neighbours(phantom_study, run) == []


def test_a_drawn_image_that_was_covered_since_is_still_known(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 1)
    [one] = drawn_images(phantom_study, run)
    real = phantom_study.catalog.images(class_name="malignant", kind="real")[0]
    write_drawn(run, [(1, one.file, one.sha256, real.file, real.sha256, "0.4", "no", "no")])
    sha256 = phantom_study.store_image(noise_png(98), ".png")
    phantom_study.catalog.cover([Cover(one, sha256, ".png", [])], str)
    [found] = read_neighbours(phantom_study, run)
    assert not found.is_gone and found.drawn.id == one.id
