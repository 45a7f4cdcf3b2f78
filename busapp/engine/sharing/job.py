"""The job `share`: write the images of a study for others."""

import json
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath

import busapp
from busapp.engine.catalog import ImageRecord
from busapp.engine.contract.dataset import ExportedImages, ShareResult
from busapp.engine.events import Event, Finished, Job, Note, Progress, Skipped
from busapp.engine.gan.drawing import DrawnImage
from busapp.engine.settings import ShareSettings
from busapp.engine.sharing.choice import TEXT, Choice, choose_images, target_of
from busapp.engine.sharing.coco import Annotation, CocoImage, Region, dataset
from busapp.engine.sharing.names import Places
from busapp.engine.sharing.pictures import Encoded, encode
from busapp.engine.sharing.provenance import GeneratorLookup
from busapp.engine.sharing.readme import images_readme
from busapp.engine.sharing.rows import COLUMNS, ImageRow
from busapp.engine.sharing.targets import Target, new_target
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name, sha256_of
from busapp.engine.utils.prefetch import in_order
from busapp.engine.utils.tables import csv_bytes, table_style
from busapp.errors import NotEnoughImages, UnreadableImage


def share(workspace: Workspace, settings: ShareSettings, run: Run) -> Job:
    """Write the chosen images with `images.csv` and `README.txt`; the study stays as it is.

    The export is written beside its final place and moved there at the end, so that a cancelled export leaves
    nothing behind. The same study gives the same bytes, except for the date in `README.txt` and the style of the
    table. An image that cannot be read is `Skipped`. One whose mask cannot be read is exported without it; a
    synthetic one whose nearest training image is unknown is exported without that name.

    The result holds `out`, `format`, `images`, `counts` (real images in use per class), `synthetic`, `set_aside`,
    `masks`, `groups`, `patients`, `with_text`, `unchecked`, `left_set_aside`, `left_synthetic`, `bytes`
    (of all images and masks) and `skipped` ([{file, reason}]).

    Raises:
        BadInput: see `target_of`; or the export cannot be written.
        NotEnoughImages: there is no image to export, or none can be read.
        NoSpace: the disk is full; nothing is left of the export.
    """
    out = target_of(workspace, settings)
    flags = workspace.catalog.flags()
    choice = choose_images(workspace.catalog.images(), flags, settings)
    if not choice.images and settings.run is not None:
        remedy = "Name a synthesis run with images in use, or export images that are set aside, too."
        raise NotEnoughImages("No image that this run drew is in use", file=settings.run, remedy=remedy)
    if not choice.images:
        remedy = "Import some, or export images that are set aside or synthetic, too."
        raise NotEnoughImages("There is no image to export", file=workspace.root, remedy=remedy)
    yield from _warnings(choice, settings)
    with new_target(out, as_zip=settings.format == "zip") as target:
        export = _Export(workspace, settings, flags, target)
        yield from _write_images(export, workspace, choice.images, settings.format == "coco")
        if not export.rows:
            remedy = "Check them on the Dataset tab."
            raise NotEnoughImages("None of the images can be read", file=workspace.root, remedy=remedy)
        yield Progress(len(choice.images), len(choice.images), "writing the table")
        exported = export.finish(choice, run.info.created[:10])
    result: ShareResult = {"out": str(out), **exported}
    yield Finished(dict(result))


def _warnings(choice: Choice, settings: ShareSettings) -> Generator[Event, None, None]:
    if choice.with_text:
        yield Note(
            f"{choice.with_text:,} of the images may have text burned in, which could name a patient. Check them "
            "before you pass the export on.",
            "warning",
        )
    if choice.unchecked:
        yield Note(
            f"{choice.unchecked:,} of the images were not checked for text and near-duplicates. Check the images "
            "first.",
            "warning",
        )
    if choice.with_patient and not settings.new_names:
        yield Note(
            "File names stay as they were imported. If they could name a patient, export with new names.", "warning"
        )


def _write_images(
    export: "_Export", workspace: Workspace, images: list[ImageRecord], with_regions: bool
) -> Generator[Event, None, None]:
    done = 0
    with closing(in_order(partial(encode, workspace, with_regions), images, "export")) as encoding:
        for step in encoding:
            yield Progress(done, len(images), f"{done:,} of {len(images):,} images")
            if step is None:
                continue
            done += 1
            image, future = step
            try:
                yield from export.add(image, future.result())
            except UnreadableImage as error:
                yield export.skip(image, error.what)


class _Export:
    """Writes images one by one and collects the rows of the table and the counts for the description."""

    def __init__(
        self, workspace: Workspace, settings: ShareSettings, flags: dict[int, list[str]], target: Target
    ) -> None:
        self._workspace, self._settings, self._flags, self._target = workspace, settings, flags, target
        self._style = table_style()
        self._places = Places(new_names=settings.new_names, apart=settings.format == "coco")
        self._groups: dict[int, int] = {}
        self._patients: dict[str, int] = {}
        self._generators = GeneratorLookup(workspace)
        self._exported: dict[str, str] = {}
        """Places of real images in the export, by the hashes of their current and of their imported content."""
        self._drawn: list[tuple[ImageRow, DrawnImage]] = []
        self._elsewhere: dict[str, str] = {}
        self._regions: list[tuple[int, Region]] = []
        """Regions of masks, each with the place of its image in `rows`."""
        self._skipped: list[Skipped] = []
        self._bytes = 0
        self.rows: list[ImageRow] = []

    def skip(self, image: ImageRecord, reason: str) -> Skipped:
        """Record that an image or its mask is skipped, and why."""
        self._skipped.append(Skipped(image.file, reason))
        return self._skipped[-1]

    def add(self, image: ImageRecord, encoded: Encoded) -> Generator[Event, None, None]:
        """Write an image and its mask."""
        if encoded.mask_problem:
            yield self.skip(image, f"Exported without its mask: {encoded.mask_problem}")
        file, mask = self._places.of(image)
        self._write(file, encoded.png)
        if encoded.mask is not None:
            self._write(mask, encoded.mask)
        self._regions += [(len(self.rows), region) for region in encoded.regions]
        self.rows.append(
            {
                "file": file,
                "class": image.class_name,
                "kind": image.kind,
                "group": self._groups.setdefault(image.group, len(self._groups) + 1),
                "patient": self._patient(image),
                "site": image.site or "",
                "device": image.device or "",
                "set_aside": image.excluded or "",
                "flags": " ".join(self._flags.get(image.id, [])),
                "width": encoded.width,
                "height": encoded.height,
                "spacing_mm": "" if image.spacing_mm is None else image.spacing_mm,
                "mask": "" if encoded.mask is None else mask,
                "sha256": sha256_of(encoded.png),
                **self._generators.columns(image),
                "nearest": "",
                "correlation": "",
            }
        )
        if image.kind == "real":
            self._exported |= {sha256: file for sha256 in (image.sha256, image.original) if sha256}
        drawing = yield from self._generators.drawing(image)
        if drawing is not None and drawing.nearest_file:
            self._drawn.append((self.rows[-1], drawing))

    def _write(self, name: str, content: bytes) -> None:
        self._target.write(name, content)
        self._bytes += len(content)

    def _patient(self, image: ImageRecord) -> str:
        if image.patient is None:
            return ""
        return f"P{self._patients.setdefault(image.patient, len(self._patients) + 1):04d}"

    def _name_nearest(self) -> None:
        """Fill in the training image that each drawn image resembles most: its place in the export.

        A training image that is not exported is named by its file name, or with new names by a number.
        """
        for row, drawing in self._drawn:
            sha256 = drawing.nearest_sha256
            if sha256 in self._exported:
                row["nearest"] = self._exported[sha256]
            elif self._settings.new_names:
                row["nearest"] = self._elsewhere.setdefault(sha256, f"not exported {len(self._elsewhere) + 1}")
            else:
                row["nearest"] = f"not exported: {safe_name(PurePosixPath(drawing.nearest_file).stem)}"
            row["correlation"] = Decimal(f"{drawing.correlation:.3f}")

    def finish(self, choice: Choice, date: str) -> ExportedImages:
        """Write the table and the description. Returns the job's result."""
        self._name_nearest()
        result = self._result(choice)
        self._target.write("images.csv", self._table())
        if self._settings.format == "coco":
            self._target.write("annotations.json", self._coco())
        readme = images_readme(self._workspace, date, self.rows, result, self._style)
        self._target.write("README.txt", readme.encode())
        return result

    def _result(self, choice: Choice) -> ExportedImages:
        in_use = Counter(row["class"] for row in self.rows if row["kind"] == "real" and not row["set_aside"])
        return {
            "format": self._settings.format,
            "images": len(self.rows),
            "counts": dict(sorted(in_use.items())),
            "synthetic": sum(row["kind"] == "synthetic" for row in self.rows),
            "set_aside": sum(bool(row["set_aside"]) for row in self.rows),
            "masks": sum(bool(row["mask"]) for row in self.rows),
            "groups": len(self._groups),
            "patients": len(self._patients),
            "with_text": sum(TEXT in row["flags"].split() for row in self.rows),
            "unchecked": choice.unchecked,
            "left_set_aside": choice.left_set_aside,
            "left_synthetic": choice.left_synthetic,
            "bytes": self._bytes,
            "skipped": [{"file": left.file, "reason": left.reason} for left in self._skipped],
        }

    def _table(self) -> bytes:
        rows: list[dict[str, object]] = [{**row} for row in self.rows]
        return csv_bytes([COLUMNS, *([row[name] for name in COLUMNS] for row in rows)], self._style)

    def _coco(self) -> bytes:
        classes = sorted({row["class"] for row in self.rows})
        ids = {name: number for number, name in enumerate(classes, start=1)}
        images: list[CocoImage] = [
            {
                "id": number,
                "file_name": row["file"].removeprefix("images/"),
                "width": row["width"],
                "height": row["height"],
                "category_id": ids[row["class"]],
                "class": row["class"],
                "kind": row["kind"],
                "group": row["group"],
                "patient": row["patient"] or None,
                "site": row["site"] or None,
                "device": row["device"] or None,
                "set_aside": row["set_aside"] or None,
                "mask": row["mask"] or None,
            }
            for number, row in enumerate(self.rows, start=1)
        ]
        annotations: list[Annotation] = [
            {"id": number, "category_id": ids[self.rows[place]["class"]], "image_id": place + 1, **region}
            for number, (place, region) in enumerate(self._regions, start=1)
        ]
        about = f"{self._workspace.name}, exported by busapp {busapp.__version__}. Research use only."
        text = json.dumps(dataset(about, classes, images, annotations), ensure_ascii=False, separators=(",", ":"))
        return text.encode()
