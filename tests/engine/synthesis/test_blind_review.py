"""A blinded review without the window: its questions, its file, its result."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from drawn_runs import drawn_images, drawn_run
from scipy.stats import binomtest

from busapp.engine.catalog import FoundPair, Kind
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.metrics import exact95
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import (
    BlindReview,
    Question,
    begin,
    finish,
    most_of_each,
    newest_finished,
    prepare,
    reviews_of,
    save,
    unfinished,
    unfit_in_words,
    without_effect,
)
from busapp.engine.utils.steps import run_to_end
from busapp.errors import BadInput, NotEnoughImages

Answer = Callable[[Question], tuple[Kind, bool, str]]


def truthful(question: Question) -> tuple[Kind, bool, str]:
    return question.kind, True, ""


def load(study: Workspace, run: Run, review: BlindReview) -> tuple[BlindReview, dict[int, Pixels]]:
    """Prepare all pictures of a review."""
    return run_to_end(prepare(study, run, review))


def answer(run: Run, review: BlindReview, by: Answer = truthful, most: int = 1000) -> BlindReview:
    """Answer the next questions and save each answer."""
    for _ in range(most):
        if review.current is None:
            break
        said, fit, reason = by(review.questions[review.current])
        review = review.called(said, 1.5)
        save(run, review)
        review = review.judged(fit, reason, 0.5)
        save(run, review)
    return review


def test_a_review_is_balanced_mixed_and_of_this_run_and_class(phantom_study: Workspace) -> None:
    run, other = drawn_run(phantom_study, 12), drawn_run(phantom_study, 5)
    review = begin(phantom_study, run, "Dr A")
    kinds = [question.kind for question in review.questions]
    assert Counter(kinds) == {"real": 8, "synthetic": 8}, "the study has 8 real ones"
    assert kinds != sorted(kinds) and kinds != sorted(kinds, reverse=True)
    images = {image.id: image for image in phantom_study.catalog.images()}
    assert {images[question.image].class_name for question in review.questions} == {"malignant"}
    assert {images[question.image].run for question in review.questions} == {run.id, None}
    assert most_of_each(phantom_study, other) == 5
    assert len(begin(phantom_study, run, "Dr A", 4).questions) == 8


def test_the_order_cannot_be_told_from_run_reader_and_number(phantom_study: Workspace) -> None:
    """Each of these reviews is the first of the same reader, with the same images of the same run."""
    run = drawn_run(phantom_study, 8)
    orders, chosen = [], set()
    for _ in range(6):
        review = begin(phantom_study, run, "Dr A", 6)
        orders.append(tuple(question.kind for question in review.questions))
        chosen.add(frozenset(question.image for question in review.questions))
        assert reviews_of(run) == [review], "a review that is gone on with keeps its order"
        (run.folder / "reviews" / f"{review.id}.json").unlink()
    assert len(chosen) == 1
    assert len(set(orders)) > 3, "12 images can be ordered in 924 ways"


def test_first_reviews_of_two_readers_are_of_the_same_images_and_of_two_runs_not(phantom_study: Workspace) -> None:
    run, *others = (drawn_run(phantom_study, 8) for _ in range(4))

    def chosen(run: Run, reader: str) -> dict[Kind, list[int]]:
        """Places of the images in the questions, among the real and among the drawn images."""
        asked = {question.image for question in begin(phantom_study, run, reader, 4).questions}
        real = phantom_study.catalog.images(class_name="malignant", kind="real")
        return {
            "real": [place for place, image in enumerate(real) if image.id in asked],
            "synthetic": [place for place, image in enumerate(drawn_images(phantom_study, run)) if image.id in asked],
        }

    first = chosen(run, "Dr A")
    assert chosen(run, "Dr B") == first
    assert [other for other in others if chosen(other, "Dr A") != first]


def test_a_reader_is_asked_about_new_images_first(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    first = begin(phantom_study, run, "Dr A", 4)
    second = begin(phantom_study, run, " dr  a", 4)
    assert second.reader == "dr a" and second.is_by("Dr A")
    assert not {question.image for question in first.questions} & {question.image for question in second.questions}


def test_of_near_duplicates_one_is_asked_about_and_of_those_set_aside_none(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    catalog = phantom_study.catalog
    real = [image.id for image in catalog.images(class_name="malignant", kind="real")]
    catalog.exclude(real[:1], "poor")
    catalog.exclude([image.id for image in drawn_images(phantom_study, run)][:1], "poor")
    seen = [image.id for image in catalog.images()]
    pairs = [FoundPair(real[1], real[2], 0.99, "same picture"), FoundPair(real[2], real[3], 0.99, "same picture")]
    catalog.set_curation(seen, pairs, {}, {})
    review = begin(phantom_study, run, "Dr A")
    asked = [question.image for question in review.questions if question.kind == "real"]
    assert len(asked) == 5 == most_of_each(phantom_study, run)
    assert len(set(asked) & set(real[1:4])) == 1
    assert real[0] not in asked
    excluded = {image.id for image in catalog.images() if image.excluded}
    assert not excluded & {question.image for question in review.questions}


def test_too_few_images_and_no_name_are_told(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 3)
    with pytest.raises(NotEnoughImages, match="there are 3 and 8"):
        begin(phantom_study, run, "Dr A")
    with pytest.raises(BadInput, match="needs the name"):
        begin(phantom_study, run, "  ")
    with pytest.raises(BadInput, match="too long"):
        begin(phantom_study, run, 81 * "x")
    assert reviews_of(run) == []


def test_both_kinds_are_shown_as_the_generator_saw_them(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8, size=32)
    review, pictures = load(phantom_study, run, begin(phantom_study, run, "Dr A"))
    assert sorted(pictures) == list(range(16))
    assert {picture.shape for picture in pictures.values()} == {(32, 32, 3)}
    images = {image.id: image for image in phantom_study.catalog.images()}
    for place, question in enumerate(review.questions):
        path = phantom_study.image_path(images[question.image])
        assert np.array_equal(pictures[place], Preprocessing(32).load([path])[0])


def test_a_review_that_was_left_goes_on_where_it_stopped(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    left = answer(run, begin(phantom_study, run, "Dr A"), most=5)
    half = left.called("real", 2.0)
    save(run, half)
    again = unfinished(reviews_of(Run.open(run.folder)), "DR A ")
    assert again == half
    assert again is not None and (again.current, again.answered, again.asked) == (5, 5, 16)
    assert unfinished(reviews_of(run), "Dr B") is None
    _, pictures = load(phantom_study, run, again)
    assert sorted(pictures) == list(range(5, 16)), "what was answered is not loaded again"
    with pytest.raises(ValueError, match="already"):
        again.called("synthetic", 1.0)
    with pytest.raises(ValueError, match="has a reason"):
        again.judged(False, "  ", 1.0)
    assert again.judged(True, "", 1.0).questions[5].seconds == 3.0


def test_a_torn_file_is_left_out_and_left_alone(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    review = begin(phantom_study, run, "Dr A")
    torn = run.folder / "reviews" / "20990101-000000.json"
    torn.write_text('{"format": 1, "id": "2099')
    assert reviews_of(run) == [review]
    assert torn.exists()


@pytest.mark.parametrize(("count", "of"), [(0, 7), (7, 7), (3, 7), (21, 40), (1, 1), (199, 200)])
def test_intervals_are_the_exact_ones(count: int, of: int) -> None:
    expected = binomtest(count, of).proportion_ci(0.95, method="exact")
    assert exact95(count, of) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_counted_says_nothing() -> None:
    assert exact95(0, 0) == (0.0, 1.0)


def test_the_result_counts_what_was_said(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    seen: Counter[str] = Counter()

    def by(question: Question) -> tuple[Kind, bool, str]:
        """Six of eight synthetic and five of eight real images right; three synthetic images and one real one unfit."""
        seen[question.kind] += 1
        other: Kind = "real" if question.kind == "synthetic" else "synthetic"
        right = seen[question.kind] <= {"synthetic": 6, "real": 5}[question.kind]
        fit = seen[question.kind] > {"synthetic": 3, "real": 1}[question.kind]
        return question.kind if right else other, fit, "" if fit else "not anatomical"

    finished = finish(phantom_study, run, answer(run, begin(phantom_study, run, "Dr A"), by))
    result = finished.result
    assert result is not None and finished.ended is not None
    shares = (result.correct, 11, 16), (result.sensitivity, 6, 8), (result.specificity, 5, 8)
    for share, count, of in (*shares, (result.fit_synthetic, 5, 8), (result.fit_real, 7, 8)):
        expected = binomtest(count, of).proportion_ci(0.95, method="exact")
        assert (share.count, share.of) == (count, of)
        assert share.ci95 == pytest.approx((expected.low, expected.high))
    assert result.chance == 0.5
    assert result.needed == min(k for k in range(17) if binomtest(k, 16).proportion_ci(0.95, "exact").low > 0.5)
    assert result.verdict == "not told apart from real images by this reader"
    assert "11 of 16 correct, 69 % (41 to 89)" in result.headline
    assert "Few images prove little: of 16 images, 13 must be called correctly" in result.caution
    assert unfit_in_words(finished, "synthetic") == "3 images not anatomical"
    assert unfit_in_words(finished, "real") == "1 image not anatomical"
    assert newest_finished(reviews_of(run)) == finished
    assert unfinished(reviews_of(run), "Dr A") is None


def test_who_sees_through_all_images_is_better_than_chance_and_who_mixes_them_up_too(
    phantom_study: Workspace,
) -> None:
    run = drawn_run(phantom_study, 8)
    right = finish(phantom_study, run, answer(run, begin(phantom_study, run, "Dr A"))).result
    assert right is not None and right.verdict == "told apart better than by chance"

    def contrary(question: Question) -> tuple[Kind, bool, str]:
        return ("real" if question.kind == "synthetic" else "synthetic"), True, ""

    wrong = finish(phantom_study, run, answer(run, begin(phantom_study, run, "Dr B"), contrary)).result
    assert wrong is not None and wrong.verdict == "told apart, but with real and synthetic swapped"


def test_unfit_synthetic_images_are_set_aside_in_one_change(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    catalog = phantom_study.catalog

    def strict(question: Question) -> tuple[Kind, bool, str]:
        return "real", False, "too blurred" if question.kind == "synthetic" else "wrong class"

    before = len(catalog.history())
    review = answer(run, begin(phantom_study, run, "Dr A"), strict)
    assert len(catalog.history()) == before, "nothing is changed before the end"
    finished = finish(phantom_study, run, review)
    assert finished.result is not None and finished.result.set_aside == 8
    reasons = {image.excluded for image in drawn_images(phantom_study, run)}
    assert reasons == {"unfit in a blind review by Dr A: too blurred"}
    assert all(image.excluded is None for image in catalog.images(kind="real")), "real images are only counted"
    assert len(catalog.history()) == before + 1
    assert catalog.history()[0].what == "8 images set aside: unfit in a blind review by Dr A"
    again = finish(phantom_study, run, review)
    assert again.result is not None and again.result.set_aside == 8, "as after a crash before the result was kept"
    assert len(catalog.history()) == before + 1
    catalog.undo()
    assert all(image.excluded is None for image in drawn_images(phantom_study, run))


def test_a_review_that_is_ended_early_is_of_what_was_answered(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)

    def strict(question: Question) -> tuple[Kind, bool, str]:
        return question.kind, False, "too blurred"

    left = answer(run, begin(phantom_study, run, "Dr A"), strict, most=5)
    left = left.called("real", 1.0)  # it is not said whether this one is fit: not an answer
    save(run, left)
    assert without_effect(reviews_of(run)) == left
    other = answer(run, begin(phantom_study, run, "Dr B"), most=16)
    assert finish(phantom_study, run, other).result is not None, "a review that was left blocks no other reader"
    ended = finish(phantom_study, run, left)
    drawn = sum(question.kind == "synthetic" for question in ended.questions[:5])
    result = ended.result
    assert result is not None and ended.ended_early and (ended.answered, ended.asked) == (5, 16)
    assert (result.correct.of, result.sensitivity.of, result.specificity.of) == (5, drawn, 5 - drawn)
    assert result.chance == max(drawn, 5 - drawn) / 5, "of what was answered, not of what was to be"
    assert f"Calling all of them {'real' if drawn < 3 else 'synthetic'} reaches" in result.caution
    assert result.set_aside == drawn
    asked = {question.image for question in ended.questions[:5]}
    aside = {image.id for image in drawn_images(phantom_study, run) if image.excluded}
    assert len(aside) == drawn and aside <= asked
    assert unfinished(reviews_of(run), "Dr A") is without_effect(reviews_of(run)) is None
    assert not other.ended_early


def test_images_that_went_missing_are_not_asked_about(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    review = answer(run, begin(phantom_study, run, "Dr A"), most=3)
    images = {image.id: image for image in phantom_study.catalog.images()}
    lost = next(question for question in review.questions[3:] if question.kind == "real")
    phantom_study.image_path(images[lost.image]).unlink()
    phantom_study.catalog.undo()  # the drawn images leave the study
    review, pictures = load(phantom_study, run, review)
    waiting = [question for question in review.questions if question.waits]
    assert {question.kind for question in waiting} == {"real"} and lost.image not in {q.image for q in waiting}
    assert len(pictures) == len(waiting)
    assert reviews_of(run) == [review]

    def strict(question: Question) -> tuple[Kind, bool, str]:
        return "real", False, "too blurred"

    finished = finish(phantom_study, run, answer(run, review, strict))
    result = finished.result
    assert result is not None and result.set_aside == 0 and result.gone == 13 - len(waiting)
    assert result.chance == result.specificity.of / result.correct.of > 0.5, "one kind prevails: guessing it is easy"
    assert "not told apart" in result.verdict


def test_a_deleted_run_is_not_brought_back_by_an_answer(phantom_study: Workspace) -> None:
    run = drawn_run(phantom_study, 8)
    review = begin(phantom_study, run, "Dr A")
    phantom_study.delete_run(run)
    with pytest.raises(BadInput, match="was deleted"):
        answer(run, review, most=1)
    assert not run.folder.exists()
    phantom_study.restore_run(run.id)
    assert reviews_of(run) == [review]
