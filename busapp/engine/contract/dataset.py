"""Results of the jobs that change the dataset or hand it on: `import`, `curate`, `cover` and `share`."""

from typing import TypedDict


class SkippedFile(TypedDict):
    """A file that a job skipped, with the reason as a sentence."""

    file: str
    reason: str


class ImportFinding(TypedDict):
    """One sentence about an import. `kind` is recognised, assumed, joined, left out or odd."""

    kind: str
    text: str


class ImportResult(TypedDict):
    """Result of `import`.

    `imported` and `already_present` count images. `completed` counts those that were there and got a patient, a site, a
    device or (with `update`) a class, by these names; earlier results do not have it. `counts` holds the real images of
    the study by class, with those that are set aside. `masks` is the number of mask files that were joined to images,
    `patients` the number of patients whose images came in. `findings` says what was assumed and what looks odd; earlier
    results have none. The run keeps no names of skipped files.
    """

    imported: int
    already_present: int
    completed: dict[str, int]
    skipped: list[SkippedFile]
    counts: dict[str, int]
    masks: int
    patients: int
    findings: list[ImportFinding]


class SimilarImages(TypedDict):
    """A group of two or more images that must stay together: their files, and in the same order their classes."""

    files: list[str]
    classes: list[str]


class CatalogFindings(TypedDict):
    """Part of `CurateResult`: what the catalog holds of the real images after the check.

    `n_groups` counts single images too, `groups` lists only those of several images. Pairs that the user called
    different are not counted. `conflicts` holds the two files of each pair with different classes. `flags` are the
    quality flags by file; images with the same file name share theirs.
    """

    n_groups: int
    n_pairs: int
    groups: list[SimilarImages]
    conflicts: list[list[str]]
    flags: dict[str, list[str]]


class CurateThresholds(TypedDict):
    """Thresholds of a check, each in [0, 1]; the fields of `CurateSettings`."""

    min_correlation: float
    min_agreement: float


class CurateResult(CatalogFindings):
    """Result of `curate`. `n_images` counts the real images of the study."""

    n_images: int
    settings: CurateThresholds


class CoverResult(TypedDict):
    """Result of `cover`.

    `covered` is the number of images, `areas` the number of boxes covered in them, and `ids` the images' numbers in the
    catalog. `with_text` counts covered images that still seem to contain text, `without_text` images in which no text
    was found.
    """

    covered: int
    areas: int
    ids: list[int]
    with_text: int
    without_text: int
    skipped: list[SkippedFile]


class ExportedImages(TypedDict):
    """Part of `ShareResult`: the images that were written.

    `images` counts all of them, `counts` by class the real ones in use. `synthetic`, `set_aside` and `with_text` count
    images of that kind, `masks` the images with a mask. `unchecked` counts real images that were never checked.
    `left_set_aside` and `left_synthetic` count images that were not exported because they are set aside or synthetic.
    `bytes` is the size of all images and masks.
    """

    format: str
    images: int
    counts: dict[str, int]
    synthetic: int
    set_aside: int
    masks: int
    groups: int
    patients: int
    with_text: int
    unchecked: int
    left_set_aside: int
    left_synthetic: int
    bytes: int
    skipped: list[SkippedFile]


class ShareResult(ExportedImages):
    """Result of `share`. `out` is the folder or the ZIP file that was written."""

    out: str
