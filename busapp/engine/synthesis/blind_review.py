"""A blinded review: a person sees real and synthetic images mixed, tells them apart, and judges which are fit for
training.

The paper names as its first limitation that no expert had looked at its images (Samrin 2024). A review is a file in the
folder of its run. It is written at every answer, so that an interrupted review can be resumed.
"""

import secrets
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from busapp.engine.catalog import ImageRecord, Kind
from busapp.engine.events import Event
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.study.pixel_cache import load_pixels
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review_result import ReviewResult, Share, needed_for_more_than_guessing
from busapp.engine.utils.files import write_atomically, writing_is_needed
from busapp.engine.utils.words import many
from busapp.errors import BadInput, NotEnoughImages

FEWEST: Final = 4
"""Images of each kind. With fewer, guesses are right so often that a review shows nothing."""
USUAL: Final = 20
"""Default number of images of each kind: a quarter of an hour for a reader."""
REASONS: Final = ("not anatomical", "artefact or checkerboard", "wrong class", "too blurred")
"""Suggested reasons why an image is unfit."""
REACH: Final = (
    "Images that are set aside are not added again by the study's own generators: neither as synthetic images of a "
    "class, nor in balanced classes, nor in system2 under published where it uses such a generator. Under strict, a "
    "validation trains its own generators. Nobody has reviewed their images, so a review changes nothing there."
)
"""The effect of setting images aside, as sentences for the screen."""
LONGEST_NAME: Final = 80
LONGEST_REASON: Final = 200
_FOLDER: Final = "reviews"
_SECRET_BITS: Final = 63

Reader = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]


class Question(BaseModel):
    """One image and the reader's answers. `kind` is the truth, `said` the reader's guess. The question is answered once
    `fit` is set too. `seconds` is the time for the answers. `gone`: the image was changed or removed, or it cannot be
    read; the question is then skipped."""

    model_config = ConfigDict(frozen=True)

    image: int
    file: str
    sha256: str
    kind: Kind
    said: Kind | None = None
    fit: bool | None = None
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    gone: bool = False

    @property
    def is_answered(self) -> bool:
        return self.fit is not None

    @property
    def waits(self) -> bool:
        return not self.is_answered and not self.gone

    @property
    def is_misjudged(self) -> bool:
        return self.is_answered and self.said != self.kind


class BlindReview(BaseModel):
    """`reviews/<id>.json` in the run's folder. Times are ISO 8601 in UTC. `id` is the time of the start, so that ids
    sort by age. `seed` determines the order of the questions. `result` is None until the review is finished."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    id: str
    run: str
    class_name: str
    image_size: int
    reader: Reader
    seed: int
    began: str
    ended: str | None = None
    questions: tuple[Question, ...]
    result: ReviewResult | None = None

    @property
    def current(self) -> int | None:
        """Index of the next question to answer; None if all are answered."""
        return next((place for place, question in enumerate(self.questions) if question.waits), None)

    @property
    def answered(self) -> int:
        """Number of answered questions."""
        return sum(question.is_answered for question in self.questions)

    @property
    def asked(self) -> int:
        """Number of questions in all, answered and waiting, without skipped ones."""
        return sum(question.is_answered or question.waits for question in self.questions)

    @property
    def ended_early(self) -> bool:
        """True if the result covers only a part of the questions."""
        return self.result is not None and self.current is not None

    def is_by(self, reader: str) -> bool:
        """True if this is the reader of the review; case and surrounding spaces do not matter."""
        return self.reader.casefold() == reader.strip().casefold()

    def called(self, said: Kind, seconds: float) -> "BlindReview":
        """Return the review with the current image called real or synthetic, after this number of seconds. A guess
        cannot be changed."""
        question = self._current_question()
        if question.said is not None:
            raise ValueError("the image was called real or synthetic already")
        return self._with(question.model_copy(update={"said": said, "seconds": question.seconds + seconds}))

    def judged(self, fit: bool, reason: str, seconds: float) -> "BlindReview":
        """Return the review with the current image called fit, or unfit for a reason, after this number of further
        seconds."""
        question = self._current_question()
        reason = "" if fit else " ".join(reason.split())[:LONGEST_REASON]
        if question.said is None or not (fit or reason):
            raise ValueError("an image is called real or synthetic first, and an unfit one has a reason")
        known = {"fit": fit, "reason": reason, "seconds": question.seconds + seconds}
        return self._with(question.model_copy(update=known))

    def without(self, gone: set[int]) -> "BlindReview":
        """Return the review with the questions at these indices marked as gone."""
        kept = (
            question.model_copy(update={"gone": True}) if place in gone else question
            for place, question in enumerate(self.questions)
        )
        return self.model_copy(update={"questions": tuple(kept)})

    def _current_question(self) -> Question:
        if self.current is None:
            raise ValueError("every question is answered")
        return self.questions[self.current]

    def _with(self, changed: Question) -> "BlindReview":
        place = self.current
        kept = (changed if at == place else question for at, question in enumerate(self.questions))
        return self.model_copy(update={"questions": tuple(kept)})


# -- a run's reviews -----------------------------------------------------------------------------------------


def reviews_of(run: Run) -> list[BlindReview]:
    """Reviews of a run, newest first. Files that cannot be read are skipped and stay unchanged."""
    found = []
    for path in sorted((run.folder / _FOLDER).glob("*.json"), reverse=True):
        try:
            found.append(BlindReview.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    return found


def newest_finished(reviews: Sequence[BlindReview]) -> BlindReview | None:
    """The newest of a run's reviews (newest first) that has a result."""
    return next((review for review in reviews if review.result is not None), None)


def unfinished(reviews: Sequence[BlindReview], reader: str) -> BlindReview | None:
    """The newest of a run's reviews (newest first) that this reader has not finished."""
    return next((review for review in reviews if review.result is None and review.is_by(reader)), None)


def without_effect(reviews: Sequence[BlindReview]) -> BlindReview | None:
    """The newest of a run's reviews (newest first) that has answers but is not finished: it has set nothing aside."""
    return next((review for review in reviews if review.result is None and review.answered), None)


def save(run: Run, review: BlindReview) -> None:
    """Write a review into its run's folder.

    Raises:
        BadInput: the run was deleted meanwhile, or its folder cannot be written to.
        NoSpace: the disk is full. The file stays unchanged.
    """
    if not run.folder.is_dir():
        raise BadInput(
            "The run of this review was deleted",
            file=run.id,
            remedy="Restore it from the list of runs. The review can then be resumed.",
        )
    path = _path(run, review.id)
    with writing_is_needed(path):
        write_atomically(path, review.model_dump_json(indent=1).encode())


def _path(run: Run, review_id: str) -> Path:
    return run.folder / _FOLDER / f"{review_id}.json"


# -- a new review --------------------------------------------------------------------------------------------


def most_of_each(workspace: Workspace, run: Run) -> int:
    """Largest number of images of each kind that a review of the run can have."""
    return min(map(len, _choices(workspace, run, number=0)))


def begin(workspace: Workspace, run: Run, reader: str, n_of_each: int = USUAL) -> BlindReview:
    """Choose `n_of_each` synthetic images of the run and the same number of real images of its class, and save them as
    a new review. All are in use. If the study has fewer of one kind, both numbers are reduced: only with equal shares
    is a guess right half of the time.

    At most one real image of each group of near-duplicates is chosen. Images that this reader has not seen in a review
    come first. The choice depends only on the run and the number of the reader's reviews of it, so that the first
    reviews of two readers have the same images. The order of the questions is random for each review. If it depended on
    anything that a reader knows, a reader who has seen the truth once could predict it in the next review.

    Raises:
        BadInput: the name is empty or longer than 80 characters, or the run's folder cannot be written to.
        NotEnoughImages: there are not 4 of each kind.
    """
    name = " ".join(reader.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(
            "A review needs the name of its reader" if not name else "The name of the reader is too long",
            remedy=f"Type the reader's name, in at most {LONGEST_NAME} characters.",
        )
    earlier = [review for review in reviews_of(run) if review.is_by(name)]
    real, drawn = _choices(workspace, run, len(earlier))
    count = min(n_of_each, len(real), len(drawn))
    if count < FEWEST:
        raise NotEnoughImages(
            f"A blind review needs at least {FEWEST} synthetic images of the run and {FEWEST} real ones of its class, "
            f"in use and of different groups; there are {len(drawn)} and {len(real)}",
            remedy="Draw more images, or restore some that were set aside.",
        )
    seen = {question.sha256 for review in earlier for question in review.questions}
    chosen = [*_unseen_first(real, seen)[:count], *_unseen_first(drawn, seen)[:count]]
    now = datetime.now(UTC)
    seed = secrets.randbits(_SECRET_BITS)
    review = BlindReview(
        id=_free_id(run, f"{now:%Y%m%d-%H%M%S}"),
        run=run.id,
        class_name=run.info.settings["class_name"],
        image_size=run.info.settings["image_size"],
        reader=name,
        seed=seed,
        began=now.isoformat(timespec="seconds"),
        questions=tuple(
            Question(image=image.id, file=image.file, sha256=image.sha256, kind=image.kind)
            for image in _shuffled(chosen, np.random.default_rng(seed))
        ),
    )
    save(run, review)
    return review


def _choices(workspace: Workspace, run: Run, number: int) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Real images of the run's class, one of each group, and synthetic images of the run. Both are in the order in
    which review `number` of a reader takes them."""
    catalog = workspace.catalog
    rng = np.random.default_rng([number, *run.id.encode()])
    real = catalog.images(class_name=run.info.settings["class_name"], kind="real", with_excluded=False)
    drawn = catalog.images(kind="synthetic", run=run.id, with_excluded=False)
    one_of_each = {image.group: image for image in _shuffled(real, rng)}
    return list(one_of_each.values()), _shuffled(drawn, rng)


def _shuffled(images: Sequence[ImageRecord], rng: np.random.Generator) -> list[ImageRecord]:
    return [images[place] for place in rng.permutation(len(images))]


def _unseen_first(images: Sequence[ImageRecord], seen: set[str]) -> list[ImageRecord]:
    return sorted(images, key=lambda image: image.sha256 in seen)


def _free_id(run: Run, stem: str) -> str:
    names: Iterator[str] = (stem if number == 1 else f"{stem}-{number:02d}" for number in range(1, 100))
    return next(name for name in names if not _path(run, name).exists())


# -- asking and ending ---------------------------------------------------------------------------------------


def prepare(
    workspace: Workspace, run: Run, review: BlindReview
) -> Generator[Event, None, tuple[BlindReview, dict[int, Pixels]]]:
    """Return the review and the pictures of its unanswered questions, by index: uint8 (size, size, 3).

    `size` is the generator's image size; real images are resized to it, as they were for the training. All pictures are
    loaded before the first is shown: a real image takes longer to read, which would give it away. In the returned
    review, images that were changed or removed, or cannot be read, are marked as gone.

    Raises what `save` raises.
    """
    present = {image.id: image for image in workspace.catalog.images()}
    waiting = {place: question for place, question in enumerate(review.questions) if question.waits}
    records = {
        place: present[question.image]
        for place, question in waiting.items()
        if question.image in present and present[question.image].sha256 == question.sha256
    }
    loaded, pixels = yield from load_pixels(workspace, list(records.values()), Preprocessing(review.image_size))
    by_image = {image.id: picture for image, picture in zip(loaded, pixels, strict=True)}
    pictures = {place: by_image[image.id] for place, image in records.items() if image.id in by_image}
    gone = set(waiting) - set(pictures)
    if gone:
        review = review.without(gone)
        save(run, review)
    return review, pictures


def finish(workspace: Workspace, run: Run, review: BlindReview) -> BlindReview:
    """Count the answers, set aside the synthetic images that were called unfit, and save the result with the review.

    Setting aside is one change of the dataset and can be undone. If questions are still unanswered, the review ends
    early, and the result covers the answered ones.

    Raises what `save` raises; the review can then be finished again.
    """
    aside = _set_aside(workspace, review)
    answered = [question for question in review.questions if question.is_answered]
    real = [question for question in answered if question.kind == "real"]
    drawn = [question for question in answered if question.kind == "synthetic"]
    chance = max(len(real), len(drawn)) / max(1, len(answered))
    result = ReviewResult(
        correct=Share.of_list([not question.is_misjudged for question in answered]),
        sensitivity=Share.of_list([not question.is_misjudged for question in drawn]),
        specificity=Share.of_list([not question.is_misjudged for question in real]),
        fit_synthetic=Share.of_list([bool(question.fit) for question in drawn]),
        fit_real=Share.of_list([bool(question.fit) for question in real]),
        chance=chance,
        needed=needed_for_more_than_guessing(len(answered), chance),
        set_aside=aside,
        gone=sum(question.gone for question in review.questions),
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    finished = review.model_copy(update={"result": result, "ended": now})
    save(run, finished)
    return finished


def _set_aside(workspace: Workspace, review: BlindReview) -> int:
    """Set aside the unfit images and return their number. Counts also those set aside before a crash."""
    present = {image.id: image for image in workspace.catalog.images(kind="synthetic")}
    why = f"unfit in a blind review by {review.reader}"
    reasons = {
        question.image: f"{why}: {question.reason}"
        for question in review.questions
        if question.fit is False and question.image in present
    }
    ours = {place: reason for place, reason in reasons.items() if present[place].excluded in (None, reason)}
    workspace.catalog.exclude_each(ours, why)
    return len(ours)


def unfit_in_words(review: BlindReview, kind: Kind) -> str:
    """`3 images not anatomical, 1 image too blurred`; empty if no image of this kind was called unfit."""
    reasons = [question.reason for question in review.questions if question.kind == kind and question.fit is False]
    counts = sorted({reason: reasons.count(reason) for reason in reasons}.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{many(count, 'image')} {reason}" for reason, count in counts)
