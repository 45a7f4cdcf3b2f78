from busapp.engine.catalog import FoundPair
from busapp.engine.curation.duplicate_review import PairReview
from busapp.engine.study.workspace import Workspace


def _review(study: Workspace) -> PairReview:
    catalog = study.catalog
    return PairReview(catalog.pairs(), catalog.images(), catalog.flags())


def _ids(study: Workspace, class_name: str) -> list[int]:
    return [image.id for image in study.catalog.images(class_name=class_name)]


def _find(study: Workspace, *pairs: tuple[int, int, float]) -> None:
    found = [FoundPair(first, second, similarity, "same picture") for first, second, similarity in pairs]
    study.catalog.set_curation([image.id for image in study.catalog.images()], found, {}, {})


def test_different_classes_come_first_then_the_least_alike(phantom_study: Workspace) -> None:
    a, b, c, d = _ids(phantom_study, "benign")[:4]
    n = _ids(phantom_study, "normal")[0]
    _find(phantom_study, (a, b, 0.99), (c, n, 0.98), (c, d, 0.7))
    assert [(pair.first, pair.second) for pair in _review(phantom_study).waiting] == [(c, n), (c, d), (a, b)]


def test_a_pair_waits_until_something_is_said_or_set_aside(phantom_study: Workspace) -> None:
    a, b, c, d = _ids(phantom_study, "benign")[:4]
    _find(phantom_study, (a, b, 0.9), (c, d, 0.9))
    phantom_study.catalog.judge([(a, b)], "different")
    phantom_study.catalog.exclude([d], "near-duplicate")
    review = _review(phantom_study)
    assert review.waiting == []
    assert [review.decision_in_words(pair) for pair in review.pairs] == ["different pictures", "set aside"]
    assert "1 different pictures, 1 with an image set aside" in review.outcome_in_words()


def test_members_are_what_pairs_connect_but_for_those_said_to_be_different(phantom_study: Workspace) -> None:
    a, b, c, d = _ids(phantom_study, "benign")[:4]
    _find(phantom_study, (a, b, 0.9), (b, c, 0.9), (c, d, 0.9))
    phantom_study.catalog.judge([(c, d)], "different")
    review = _review(phantom_study)
    by_key = {(pair.first, pair.second): pair for pair in review.pairs}
    members = review.members(by_key[a, b])
    assert [image.id for image in members] == [a, b, c]
    assert review.members(by_key[c, d]) == []
    assert {(pair.first, pair.second) for pair in review.pairs_within(members)} == {(a, b), (b, c)}


def test_one_picture_with_two_classes_is_told_at_the_end(phantom_study: Workspace) -> None:
    a, n = _ids(phantom_study, "benign")[0], _ids(phantom_study, "normal")[0]
    _find(phantom_study, (a, n, 0.9))
    phantom_study.catalog.judge([(a, n)], "same")
    assert "1 of them the same picture still has two classes" in _review(phantom_study).outcome_in_words()
    phantom_study.catalog.reclassify([n], "benign")
    assert "two classes" not in _review(phantom_study).outcome_in_words()


def test_an_image_with_flags_or_fewer_pixels_is_rather_set_aside(phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()[:2]
    review = PairReview([], images, {images[1].id: ["blur"]})
    assert review.is_worth_less(images[1], images[0])
    assert not review.is_worth_less(images[0], images[1])
    small = images[0]._replace(width=10)
    assert PairReview([], [small, images[1]], {}).is_worth_less(small, images[1])
