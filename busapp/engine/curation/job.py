"""Find near-duplicates, contradicting labels and doubtful images.

BUSI contains some pictures several times, mirrored, cropped or with other callipers, and some of these under two
classes (Pawłowska et al. 2023, Data in Brief 48:109247). A split of such pictures between training and test measures
memory. So `strict` keeps groups whole and sets conflicts aside.
"""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

from busapp.engine.catalog import FoundPair, ImageRecord
from busapp.engine.contract.dataset import CatalogFindings, CurateResult, CurateThresholds
from busapp.engine.curation.duplicates import PARTS, DuplicatePair, Signatures, find_pairs
from busapp.engine.curation.quality import Quality, assess_quality
from busapp.engine.events import Event, Finished, Job, Note, Progress, Skipped
from busapp.engine.images.preprocessing import decode_stored, read_content, read_image
from busapp.engine.settings import CurateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.prefetch import in_order
from busapp.engine.utils.steps import mapped
from busapp.errors import NotEnoughImages, UnreadableImage


def is_curated(workspace: Workspace) -> bool:
    """True if curation has checked every real image of the study, so that its groups are reliable."""
    return all(image.checked for image in workspace.catalog.images(kind="real"))


def curated_first(workspace: Workspace, run: Run) -> Job:
    """Curate the study before a run that needs its groups, unless that is done. Both protocols need groups: one keeps
    them whole, the other counts those that it splits."""
    if not is_curated(workspace):
        yield Note("The study is curated first, because a run needs to know its near-duplicates.")
        yield from check_images(workspace, _last_curation(workspace))
        # The run measures the dataset as it is now. Its own check must not look like a later change of the dataset.
        run.info.dataset, run.info.revision = workspace.catalog.fingerprint(), workspace.catalog.revision()
        run.save()


def _last_curation(workspace: Workspace) -> CurateSettings:
    """The thresholds that the user chose last, so that new images do not change how the old ones are grouped."""
    for run in workspace.runs("curate"):
        if run.info.state == "finished":
            return CurateSettings.model_validate(run.info.settings)
    return CurateSettings()


def curate(workspace: Workspace, settings: CurateSettings, run: Run) -> Job:
    """The job `curate`: run `check_images`, and end with its result in `Finished`."""
    yield Finished(dict((yield from check_images(workspace, settings))))


def check_images(workspace: Workspace, settings: CurateSettings) -> Generator[Event, None, CurateResult]:
    """Find near-duplicates (see `duplicates.py`) and doubtful images (see `quality.py`) among the real images.

    The catalog forms groups from the pairs, the user's verdicts and the patients of the images. A conflict is a pair
    with different classes. No image is set aside. One step at the end replaces the earlier results.

    If a part of an image is covered, duplicates are searched in the imported picture, and quality is assessed on the
    covered one. An image that cannot be read is `Skipped` and flagged `unreadable`. It matches only files with the
    same bytes.

    Returns:
        The state of the catalog afterwards, as in the contract of `busapp curate --json`: `n_images`, `n_groups`
        (including single images), `n_pairs`, `groups` (of several images), `conflicts` and `flags`. Pairs that the
        user called different are not included. Images with the same name share their flags, because the contract
        cannot tell them apart. `settings` are the thresholds.

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
    thresholds: CurateThresholds = {
        "min_correlation": settings.min_correlation,
        "min_agreement": settings.min_agreement,
    }
    return {"n_images": len(images), **_described(workspace), "settings": thresholds}


def _look(
    workspace: Workspace, images: Sequence[ImageRecord], signatures: Signatures
) -> Generator[Event, None, dict[int, Quality | None]]:
    """Assess each image and store its signature. Returns the quality by image id, None for unreadable images."""

    def look(number: int) -> Quality:
        image = images[number]
        path = workspace.image_path(image)
        content = read_content(path)
        picture = decode_stored(content, file=path)
        # A covered image still shows the same frame, so it stays in the group of its imported picture.
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
            what = f"checked {len(found)} of {len(images)} images"
            yield Progress(PARTS * len(found) // len(images), 2 * PARTS, what)
    return found


def _second_half(comparing: Generator[Event, None, list[DuplicatePair]]) -> Generator[Event, None, list[DuplicatePair]]:
    """The same events, with their progress moved to the second half, after the check of the images."""

    def moved(event: Event) -> Event:
        return Progress(PARTS + event.done, 2 * PARTS, event.what) if isinstance(event, Progress) else event

    return (yield from mapped(comparing, moved))


def _described(workspace: Workspace) -> CatalogFindings:
    """The catalog's groups, pairs, conflicts and flags of the real images, under the names of the contract."""
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
    """Flags by file name. Different images can have the same name."""
    by_file: defaultdict[str, set[str]] = defaultdict(set)
    for image_id, file in files.items():
        if flags.get(image_id):
            by_file[file].update(flags[image_id])
    return {file: sorted(found) for file, found in by_file.items()}
