"""Groups: images that must never be split between training and test."""

from collections.abc import Sequence

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from busapp.engine.catalog.history import chunks
from busapp.engine.catalog.schema import BY_HAND, SAME_FILE, ImageRow, PairRow

IS_PAIR = or_(PairRow.how != BY_HAND, PairRow.verdict == "same")
IS_SAME = and_(IS_PAIR, or_(PairRow.verdict.is_distinct_from("different"), PairRow.how == SAME_FILE))


def regroup(session: Session) -> None:
    """Write the group of each real image: the smallest id among the images that pairs or a patient connect it with."""
    paired = select(PairRow.first).union(select(PairRow.second))
    # All others are already groups of their own. Of a hundred thousand images, few are connected.
    is_concerned = or_(
        ImageRow.patient.is_not(None),
        ImageRow.group_id.is_distinct_from(ImageRow.id),
        ImageRow.id.in_(paired),
    )
    query = select(ImageRow.id, ImageRow.patient, ImageRow.group_id).order_by(ImageRow.id)
    images = session.execute(query.where(ImageRow.kind == "real", ImageRow.removed.is_(False), is_concerned)).all()
    root = {image.id: image.id for image in images}

    def find(image_id: int) -> int:
        while root[image_id] != image_id:
            root[image_id] = image_id = root[root[image_id]]
        return image_id

    def join(one: int, other: int) -> None:
        if one in root and other in root:
            smaller, larger = sorted((find(one), find(other)))
            root[larger] = smaller

    for first, second in session.execute(select(PairRow.first, PairRow.second).where(IS_SAME)):
        join(first, second)
    of_patient: dict[str, int] = {}
    for image in images:
        if image.patient is not None:
            join(of_patient.setdefault(image.patient, image.id), image.id)
    rows = [{"id": image.id, "group_id": find(image.id)} for image in images if find(image.id) != image.group_id]
    if rows:
        session.execute(update(ImageRow), rows)


def newest_id(session: Session) -> int:
    """The largest id of an image, also of those that were removed. 0 if there is none."""
    return session.scalar(select(func.max(ImageRow.id))) or 0


def group_new(session: Session, after: int, back: Sequence[int] = ()) -> None:
    """Write the groups of new images: those with an id above `after`, and those that came `back`. None of them has a
    group yet or belongs to a pair. The result is that of `regroup`, which takes far longer in a large study."""
    of_patients = select(ImageRow.id, ImageRow.patient).where(ImageRow.patient.is_not(None))
    new = [row for some in chunks(back) for row in session.execute(of_patients.where(ImageRow.id.in_(some)))]
    new += session.execute(of_patients.where(ImageRow.id > after))
    new.sort(key=lambda image: image.id)
    of_patient: dict[str, int] = {}
    for some in chunks(sorted({str(image.patient) for image in new})):
        present = select(ImageRow.patient, func.min(ImageRow.group_id)).where(
            ImageRow.patient.in_(some), ImageRow.removed.is_(False), ImageRow.group_id.is_not(None)
        )
        for patient, group in session.execute(present.group_by(ImageRow.patient)):
            of_patient[str(patient)] = group or 0
    smallest: dict[int, int] = {}
    for image in new:
        group = of_patient.setdefault(str(image.patient), image.id)
        smallest[group] = min(smallest.get(group, group), image.id)
    rows = [{"id": image.id, "group_id": smallest[of_patient[str(image.patient)]]} for image in new]
    # An image that came back may have a smaller id than all present images of its patient.
    for some_groups in chunks([group for group, first in smallest.items() if first < group]):
        members = select(ImageRow.id, ImageRow.group_id).where(
            ImageRow.group_id.in_(some_groups), ImageRow.removed.is_(False)
        )
        rows += [{"id": image_id, "group_id": smallest[group or 0]} for image_id, group in session.execute(members)]
    if rows:
        session.execute(update(ImageRow), rows)


def are_paired(session: Session, ids: Sequence[int]) -> bool:
    """True if any of these images belongs to a pair, whatever its verdict."""
    return any(
        session.scalar(select(PairRow.first).where(or_(PairRow.first.in_(some), PairRow.second.in_(some))).limit(1))
        for some in chunks(ids)
    )
