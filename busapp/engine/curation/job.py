"""Find near-duplicates, contradicting labels and doubtful images.

BUSI holds the same picture several times over, mirrored, cropped or with other callipers, and some of them under
two classes (Pawłowska et al. 2023, Data in Brief 48:109247). Whoever splits such pictures between training and test
measures memory, so `strict` keeps groups whole and sets conflicts aside.
"""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from busapp.engine.catalog import FoundPair, ImageRecord
from busapp.engine.curation.duplicates import PARTS, DuplicatePair, Signatures, find_pairs
from busapp.engine.curation.quality import Quality, assess_quality
from busapp.engine.events import Event, Finished, Job, Note, Progress, Skipped
from busapp.engine.images.preprocessing import decode, read_content, read_image
from busapp.engine.settings import CurateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.prefetch import in_order
from busapp.engine.utils.steps import mapped
from busapp.errors import NotEnoughImages, UnreadableImage


def is_curated(workspace: Workspace) -> bool:
    """Whether curation has seen every real image of the study, so that its groups can be relied on."""
    return all(image.checked for image in workspace.catalog.images(kind="real"))


def curated_first(workspace: Workspace, run: Run) -> Job:
    """Curate the study for a run whose groups must be known, where that was not done. Any protocol needs them: one
    keeps them whole, the other counts those it splits."""
    if not is_curated(workspace):
        yield Note("The study is curated first: near-duplicates have to be known.")
        yield from check_images(workspace, _last_curation(workspace))
        # What it measures, it measures on the dataset as it is now, which its own check must not seem to have changed.
        run.info.dataset, run.info.revision = workspace.catalog.fingerprint(), workspace.catalog.revision()
        run.save()


def _last_curation(workspace: Workspace) -> CurateSettings:
    """The thresholds that the user chose last: new images are no reason to group the old ones by others."""
    for run in workspace.runs("curate"):
        if run.info.state == "finished":
            return CurateSettings.model_validate(run.info.settings)
    return CurateSettings()


def curate(workspace: Workspace, settings: CurateSettings, run: Run) -> Job:
    """The job `curate`: what `check_images` does, ended by `Finished` with its result."""
    yield Finished((yield from check_images(workspace, settings)))


def check_images(workspace: Workspace, settings: CurateSettings) -> Generator[Event, None, dict[str, Any]]:
    """Find near-duplicates (see `duplicates.py`) and doubtful images (see `quality.py`) among the real images.

    The catalog makes groups of the pairs, minding what the user said of them and whose patients the images are of. A
    conflict is a pair with different classes. Nothing is set aside here; what was found before is replaced in one
    step at the end.

    Of an image in which something was covered, the imported picture is compared, and the covered one examined. One
    that cannot be read is `Skipped` and flagged `unreadable`; it resembles nothing but its own bytes.

    Returns:
        `n_images`, `n_groups` (single images too), `n_pairs`, `groups` (those of several images), `conflicts` and
        `flags`, as in the contract of `busapp curate --json`, of what the catalog then says: without the pairs that
        the user called different. Images of one name cannot be told apart there and share their flags. `settings`
        are the thresholds.

    Raises:
        NotEnoughImages: the study has no real image.
    """
    images = workspace.catalog.images(kind="real")
    if not images:
        raise NotEnoughImages("The study has no images", file=workspace.root, remedy="Import some first.")
    signatures = Signatures(len(images))
    examined = yield from _look(workspace, images, signatures)
    comparing = find_pairs(signatures, [image.original or image.sha256 for image in images], settings)
    found = yield from _second_half(comparing)
    workspace.catalog.set_curation(
        [image.id for image in images],
        [FoundPair(images[pair.first].id, images[pair.second].id, pair.similarity, pair.how) for pair in found],
        {image_id: one.flags if one else ["unreadable"] for image_id, one in examined.items()},
        {image_id: one.measures for image_id, one in examined.items() if one},
    )
    return {"n_images": len(images), **_described(workspace), "settings": settings.model_dump(mode="json")}


def _look(
    workspace: Workspace, images: Sequence[ImageRecord], signatures: Signatures
) -> Generator[Event, None, dict[int, Quality | None]]:
    """Examine each image and put its signature; what was found by image id, None for images that cannot be read."""

    def look(number: int) -> Quality:
        image = images[number]
        path = workspace.image_path(image)
        content = read_content(path)
        picture = decode(content, file=path)
        # However much was covered in it, it is the frame that it was: it stays with those that show the same.
        signatures.put(number, picture if image.original is None else read_image(workspace.imported_path(image)))
        return assess_quality(content, picture)

    found: dict[int, Quality | None] = {}
    with closing(in_order(look, range(len(images)), "looking")) as looking:
        for answer in looking:
            if answer is not None:
                number, examined = answer
                image = images[number]
                try:
                    found[image.id] = examined.result()
                except UnreadableImage as error:
                    found[image.id] = None
                    yield Skipped(image.file, error.what)
            what = f"looked at {len(found)} of {len(images)} images"
            yield Progress(PARTS * len(found) // len(images), 2 * PARTS, what)
    return found


def _second_half(comparing: Generator[Event, None, list[DuplicatePair]]) -> Generator[Event, None, list[DuplicatePair]]:
    """The same events, their progress moved behind that of looking."""

    def moved(event: Event) -> Event:
        return Progress(PARTS + event.done, 2 * PARTS, event.what) if isinstance(event, Progress) else event

    return (yield from mapped(comparing, moved))


def _described(workspace: Workspace) -> dict[str, Any]:
    """What the catalog says of the real images, under the names of the contract."""
    images = workspace.catalog.images(kind="real")
    files = {image.id: image.file for image in images}
    members: defaultdict[int, list[ImageRecord]] = defaultdict(list)
    for image in images:
        members[image.group].append(image)
    pairs = [pair for pair in workspace.catalog.pairs() if pair.verdict != "different"]
    return {
        "n_groups": len(members),
        "n_pairs": len(pairs),
        "groups": [
            {"files": [image.file for image in group], "classes": [image.class_name for image in group]}
            for group in members.values()
            if len(group) > 1
        ],
        "conflicts": [[files[first], files[second]] for first, second in workspace.catalog.conflicts()],
        "flags": _flags_by_file(files, workspace.catalog.flags()),
    }


def _flags_by_file(files: Mapping[int, str], flags: Mapping[int, Sequence[str]]) -> dict[str, list[str]]:
    """Flags by file name. Images of different contents can carry one name."""
    by_file: defaultdict[str, set[str]] = defaultdict(set)
    for image_id, file in files.items():
        if flags.get(image_id):
            by_file[file].update(flags[image_id])
    return {file: sorted(found) for file, found in by_file.items()}
