"""The catalog of a study: its images, their properties, and the history of every change. Stored in SQLite.

The name as imported (`benign/benign (1).png`) and the content hash together identify an image. Importing the same
folder twice therefore adds nothing, and two names for the same bytes stay two images.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from busapp.engine.catalog import history
from busapp.engine.catalog.addition import Addition
from busapp.engine.catalog.covers import fitting_covers
from busapp.engine.catalog.groups import regroup
from busapp.engine.catalog.history import Columns, CurationFound, UndoStep
from busapp.engine.catalog.reader import CatalogReader
from busapp.engine.catalog.records import Cover, FoundPair, Measures, NewImage, Verdict
from busapp.engine.catalog.schema import SAME_FILE, ImageRow, MeasureRow, PairRow
from busapp.engine.utils.places import Spellings, place_name
from busapp.engine.utils.words import many


class Catalog(CatalogReader):
    """The images of one study, and every way to change them. Safe to use from several threads: each call has its own
    connection."""

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session with an exclusive right to write until it ends."""
        with self._session() as session:
            # Read and write in one transaction, or two threads could take the same number.
            session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            yield session

    # -- adding ---------------------------------------------------------------------------------------------

    def addition(self, in_words: Callable[[int], str], *, update: bool = False) -> Addition:
        """Add images step by step, as one change that can be undone. `in_words` describes *n* images in the history
        (`lambda n: f"{n} images imported"`). `update`: see `Addition`."""
        return Addition(self.writing, in_words, update=update)

    def add(self, images: Sequence[NewImage], what: str) -> int:
        """Add images in one change that can be undone, and return how many were new; see `Addition.add`."""
        addition = self.addition(lambda _: what)
        return addition.add(images)

    # -- changing ------------------------------------------------------------------------------------------

    def exclude(self, ids: Iterable[int], reason: str | None) -> None:
        """Set images aside with a reason, or bring them back (None). Nothing is deleted. Can be undone."""
        say = f"set aside: {reason}" if reason else "brought back"
        self._change({image_id: {"excluded": reason} for image_id in ids}, lambda n: f"{many(n, 'image')} {say}")

    def exclude_each(self, reasons: Mapping[int, str], why: str) -> None:
        """Set images aside in one change, each with its own reason. `why` describes all reasons in the history. Can be
        undone."""
        values = {image_id: {"excluded": reason} for image_id, reason in reasons.items()}
        self._change(values, lambda n: f"{many(n, 'image')} set aside: {why}")

    def reclassify(self, ids: Iterable[int], class_name: str) -> None:
        """Give images another class. Can be undone."""
        self._change(
            {image_id: {"class_name": class_name} for image_id in ids},
            lambda n: f"{many(n, 'image')} {'is' if n == 1 else 'are'} now {class_name}",
        )

    def set_site(self, ids: Iterable[int], site: str | None) -> None:
        """Set the hospital of images; None if it is not known. Can be undone."""
        self._set_place("site", ids, site)

    def set_device(self, ids: Iterable[int], device: str | None) -> None:
        """Set the machine of images, maker and model; None if it is not known. Can be undone."""
        self._set_place("device", ids, device)

    def _set_place(self, column: Literal["site", "device"], ids: Iterable[int], given: str | None) -> None:
        chosen = set(ids)
        of_image = getattr(ImageRow, column)
        with self.writing() as session:
            rows = session.execute(
                select(ImageRow.id, of_image).where(of_image.is_not(None), ImageRow.removed.is_(False))
            )
            # The other images decide how a name is spelt; without others, the user just did.
            name = Spellings(known for image_id, known in rows if image_id not in chosen).of(place_name(given))
            back = history.set_columns(session, {image_id: {column: name} for image_id in chosen})
            if back:
                what = f"{many(len(back), 'image')}: {column} {name or 'not known'}"
                history.record_change(session, what, back)

    def _change(self, values_by_id: Mapping[int, Columns], in_words: Callable[[int], str]) -> None:
        with self.writing() as session:
            back = history.set_columns(session, values_by_id)
            if back:
                history.record_change(session, in_words(len(back)), back)

    def cover(self, covers: Sequence[Cover], in_words: Callable[[int], str]) -> set[int]:
        """Replace the content of images in one change that can be undone. Returns the ids of the replaced images.

        An image stays as it is if its content is no longer the one that was covered, or if another image with the same
        name has the new content. The imported content still identifies each image: importing it again adds nothing."""
        with self.writing() as session:
            fitting = fitting_covers(session, covers)
            values = {
                image.id: {"sha256": sha256, "suffix": suffix, "original": image.original or image.sha256}
                for image, sha256, suffix, _ in fitting
            }
            flags = {cover.image.id: cover.flags for cover in fitting}
            back: list[UndoStep] = [*history.set_columns(session, values), *history.set_flags(session, flags)]
            if back:
                history.record_change(session, in_words(len(fitting)), back)
        return set(values)

    def judge(self, pairs: Iterable[tuple[int, int]], verdict: Verdict | None) -> None:
        """Judge pairs as the same picture or as different pictures, or withdraw the verdict (None). The groups follow.
        Can be undone. A later curation keeps the verdicts."""
        say = {"same": "the same picture", "different": "different pictures", None: "not decided"}[verdict]
        self._judge({_ordered(pair): verdict for pair in pairs}, lambda n: f"{many(n, 'pair')}: {say}")

    def join(self, ids: Sequence[int]) -> None:
        """Join images to one group, whether or not they look alike. Can be undone."""
        first, *others = sorted(ids)
        verdicts: dict[tuple[int, int], Verdict | None] = {(first, other): "same" for other in others}
        self._judge(verdicts, lambda _: f"{len(ids)} images joined to one group")

    def split(self, ids: Iterable[int]) -> int:
        """Take images out of their groups, as different pictures from those that stay. Can be undone.

        Returns the number of separated pairs: 0 if the patient or the same bytes hold the group together."""
        out = set(ids)
        crossing = [pair for pair in self.pairs() if (pair.first in out) != (pair.second in out)]
        alike = [pair for pair in crossing if pair.verdict != "different" and pair.how != SAME_FILE]
        parted: dict[tuple[int, int], Verdict | None] = {(pair.first, pair.second): "different" for pair in alike}
        self._judge(parted, lambda _: f"{many(len(out), 'image')} taken out of their groups")
        return len(parted)

    def _judge(self, verdicts: Mapping[tuple[int, int], Verdict | None], in_words: Callable[[int], str]) -> None:
        with self.writing() as session:
            back = history.set_verdicts(session, verdicts)
            if back:
                history.record_change(session, in_words(len(back)), back)
                regroup(session)

    def set_curation(
        self,
        seen: Iterable[int],
        pairs: Iterable[FoundPair],
        flags: Mapping[int, Iterable[str]],
        measures: Mapping[int, Measures],
    ) -> None:
        """Replace the findings of curation: ids of the checked images, pairs of near-duplicates, flags and measures.

        The groups follow from the pairs. The user's verdicts and pairs joined by hand stay. Images that were removed
        while curation was running are skipped."""
        with self.writing() as session:
            present = set(session.scalars(select(ImageRow.id).where(ImageRow.removed.is_(False))))
            judged = {
                (row.first, row.second): row
                for row in session.execute(select(*PairRow.__table__.columns).where(PairRow.verdict.is_not(None)))
            }
            rows = {
                (row.first, row.second): (row.first, row.second, row.similarity, row.how, row.verdict)
                for row in judged.values()
            }
            for pair in pairs:
                key = _ordered((pair.first, pair.second))
                if not present.issuperset(key):
                    continue
                verdict = judged[key].verdict if key in judged else None
                rows[key] = (*key, pair.similarity, pair.how, verdict)
            found: CurationFound = {
                "pairs": list(rows.values()),
                "flags": [(known, name) for known, names in flags.items() if known in present for name in names],
                "checked": sorted(present.intersection(seen)),
            }
            back = history.set_curation(session, found)
            if back:
                history.record_change(session, f"{many(len(found['checked']), 'image')} checked", back)
            session.execute(delete(MeasureRow))
            rows_of_measures = [
                {"image_id": image_id, **values._asdict()}
                for image_id, values in measures.items()
                if image_id in present
            ]
            if rows_of_measures:
                session.execute(insert(MeasureRow), rows_of_measures)
            regroup(session)

    # -- history -------------------------------------------------------------------------------------------

    def undo(self) -> str | None:
        """Undo the newest change that is not undone. Returns its description, None if there is none."""
        with self.writing() as session:
            undone = history.undo(session)
            regroup(session)
            return undone

    def redo(self) -> str | None:
        """Redo the change that was undone last, if nothing was changed since. Returns its description or None."""
        with self.writing() as session:
            redone = history.redo(session)
            regroup(session)
            return redone


def _ordered(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)
