"""Words for the jobs on the images of a study: import, curate, cover, share."""

from collections.abc import Sequence
from typing import Final

from busapp.engine.contract.dataset import CoverResult, CurateResult, ImportFinding, ImportResult, ShareResult
from busapp.engine.utils.words import counts_in_words, many, megabytes


def import_lines(result: ImportResult) -> list[str]:
    """Images by what became of them, then the study's images by class, then what the import found."""
    # Older results have none of these.
    patients, masks, completed = result.get("patients", 0), result.get("masks", 0), result.get("completed", {})
    got = ", ".join(f"{count:,} got a {name}" for name, count in completed.items())
    by_kind = findings_by_kind(result.get("findings", []))
    return [
        f"{many(result['imported'], 'image')} imported, {result['already_present']:,} already there"
        + (f" ({got})" if got else "")
        + f", {len(result['skipped']):,} skipped"
        + (f", {many(masks, 'mask')} joined" if masks else "")
        + (f"; {many(patients, 'patient')} identified" if patients else "")
        + ".",
        f"The study has {counts_in_words(result['counts'])}.",
        *(f"{kind.capitalize()}: {text}" for kind, texts in by_kind.items() for text in texts),
    ]


_ORDER: Final = ("recognised", "assumed", "joined", "left out", "odd")


def findings_by_kind(findings: Sequence[ImportFinding]) -> dict[str, list[str]]:
    """The sentences about an import, by kind: what was recognised first, what looks odd last."""
    sentences = {kind: [found["text"] for found in findings if found["kind"] == kind] for kind in _ORDER}
    return {kind: said for kind, said in sentences.items() if said}


def curate_lines(result: CurateResult) -> list[str]:
    """Groups and pairs of near-duplicates, then the images with quality flags."""
    return [
        f"{many(result['n_images'], 'image')} in {many(result['n_groups'], 'group')}; "
        f"{alike(result['n_pairs'], len(result['conflicts']))}.",
        f"{many(len(result['flags']), 'image')} with quality flags.",
    ]


def alike(pairs: int, contested: int) -> str:
    """`203 pairs look alike, 10 of them with different classes`."""
    if not pairs:
        return "no images look alike"
    if pairs == 1:
        return "1 pair looks alike" + (", with different classes" if contested else "")
    return f"{pairs:,} pairs look alike, {f'{contested:,}' if contested else 'none'} of them with different classes"


def cover_lines(result: CoverResult) -> list[str]:
    """Images in which text was covered, and those that stay as they are."""
    lines = [f"Text covered in {many(result['covered'], 'image')} ({many(result['areas'], 'area')})."]
    if result["without_text"]:
        lines.append(f"No text found in {many(result['without_text'], 'image')}.")
    if result["skipped"]:
        lines.append(f"Unchanged: {many(len(result['skipped']), 'image')}.")
    return [*lines, "Check the images. The study keeps the pictures as imported, and the change can be undone."]


def share_lines(result: ShareResult) -> list[str]:
    """The export and its size, its images by class, what was skipped, and a warning about text in the pictures."""
    lines = [f"{many(result['images'], 'image')} exported to {result['out']} ({megabytes(result['bytes'])})."]
    if result["counts"]:
        lines.append(f"Real and in use: {counts_in_words(result['counts'])}; {many(result['masks'], 'mask')}.")
    left = {"set aside": result["left_set_aside"], "synthetic": result["left_synthetic"]}
    if any(left.values()):
        lines.append(f"Left out: {counts_in_words({name: count for name, count in left.items() if count})}.")
    if result["skipped"]:
        lines.append(f"Not readable: {many(len(result['skipped']), 'file')}.")
    if result["with_text"]:
        lines.append(
            f"{many(result['with_text'], 'image')} may have text burned in. Check before you pass the export on."
        )
    return lines
