"""Select the covered pictures that can replace the content of their image."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from busapp.engine.catalog.history import chunks
from busapp.engine.catalog.records import Cover
from busapp.engine.catalog.schema import ImageRow


def fitting_covers(session: Session, covers: Sequence[Cover]) -> list[Cover]:
    """Covers whose image is still unchanged, and whose new content no other image with the same name has."""
    present: dict[int, str] = {}
    owners: dict[tuple[str, str], int] = {}
    for some in chunks(covers):
        still = select(ImageRow.id, ImageRow.sha256).where(ImageRow.removed.is_(False))
        present.update(
            (image_id, sha256)
            for image_id, sha256 in session.execute(still.where(ImageRow.id.in_([cover.image.id for cover in some])))
        )
        taken = select(ImageRow.id, ImageRow.file, ImageRow.sha256)
        owners.update(
            ((file, sha256), image_id)
            for image_id, file, sha256 in session.execute(
                taken.where(ImageRow.sha256.in_([cover.sha256 for cover in some]))
            )
        )
    return [
        cover
        for cover in covers
        if present.get(cover.image.id) == cover.image.sha256
        and owners.setdefault((cover.image.file, cover.sha256), cover.image.id) == cover.image.id
    ]
