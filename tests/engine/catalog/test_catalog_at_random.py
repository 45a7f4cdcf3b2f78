"""Changes of every kind in random order: each can be undone and redone, and the whole dataset is as before."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from busapp.engine.catalog import Catalog, Cover, FoundPair, NewImage

State = tuple[object, ...]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    yield catalog
    catalog.close()


def state(catalog: Catalog) -> State:
    """Everything that a run, a screen or an export depends on."""
    images = catalog.images()
    present = {image.id for image in images}
    flags = {image_id: names for image_id, names in catalog.flags().items() if image_id in present}
    # An image that is a group of its own looks the same as one that was never put into a group.
    return [image._replace(group_id=image.group) for image in images], catalog.pairs(), flags


class Hand:
    """A user who makes random changes to a catalog."""

    def __init__(self, catalog: Catalog, seed: int) -> None:
        self._catalog = catalog
        self._chance = random.Random(seed)
        self.actions: list[Callable[[list[int]], object]] = [
            self._add, self._add_in_steps, self._cancel, self._set_aside, self._reclassify, self._cover, self._judge,
            self._join, self._split, self._check,
        ]  # fmt: skip

    def act(self) -> str:
        """Make one change and return its name."""
        ids = [image.id for image in self._catalog.images()]
        usable = self.actions if len(ids) > 1 else self.actions[:3]
        action = self._chance.choice(usable)
        action(ids)
        return action.__name__

    def _new(self) -> NewImage:
        choice, number = self._chance.choice, self._chance.randrange(20)
        patient, mask = choice([None, None, "p1", "p2"]), choice([None, "m"])
        name, content = f"a/{number}.png", f"{number}{choice('xy')}"
        return NewImage(name, content, ".png", choice("ab"), 8, 8, patient=patient, mask=mask)

    def _some(self, ids: list[int]) -> list[int]:
        return self._chance.sample(ids, self._chance.randrange(2, min(len(ids), 5) + 1))

    def _add(self, _ids: list[int]) -> None:
        self._catalog.add([self._new() for _ in range(4)], "added")

    def _add_in_steps(self, _ids: list[int]) -> None:
        addition = self._catalog.addition(lambda n: f"{n} added")
        for _ in range(3):
            addition.add([self._new() for _ in range(2)])

    def _cancel(self, _ids: list[int]) -> None:
        addition = self._catalog.addition(lambda n: f"{n} added")
        addition.add([self._new() for _ in range(4)])
        addition.take_back()

    def _set_aside(self, ids: list[int]) -> None:
        self._catalog.exclude(self._some(ids), self._chance.choice([None, "blurred"]))

    def _reclassify(self, ids: list[int]) -> None:
        self._catalog.reclassify(self._some(ids), self._chance.choice("abc"))

    def _cover(self, ids: list[int]) -> None:
        image = self._catalog.image(self._some(ids)[0])
        assert image is not None
        content = f"{image.sha256[:20]} covered {self._chance.randrange(4)}"
        flags = self._chance.choice([[], ["text"]])
        self._catalog.cover([Cover(image, content, ".png", flags)], lambda _: "covered")

    def _judge(self, ids: list[int]) -> None:
        first, second, *_ = self._some(ids)
        self._catalog.judge([(first, second)], self._chance.choice(["same", "different", None]))

    def _join(self, ids: list[int]) -> None:
        self._catalog.join(self._some(ids))

    def _split(self, ids: list[int]) -> None:
        self._catalog.split(self._some(ids))

    def _check(self, ids: list[int]) -> None:
        two = [self._chance.sample(ids, 2) for _ in range(3)]
        pairs = [FoundPair(first, second, 0.9, "looks alike") for first, second in two]
        self._catalog.set_curation(ids, pairs, {image_id: ["text"] for image_id in self._some(ids)}, {})


def holding(catalog: Catalog) -> int:
    return sum(not change.undone for change in catalog.history())


@pytest.mark.parametrize("seed", range(8))
def test_whatever_was_done_is_taken_back_and_made_again(catalog: Catalog, seed: int) -> None:
    hand, chance = Hand(catalog, seed), random.Random(seed)
    states, done = [state(catalog)], []
    for _ in range(14):
        before = holding(catalog)
        done.append(hand.act())
        if holding(catalog) > before:
            states.append(state(catalog))
        assert state(catalog) == states[-1], f"changed without an entry by the last of {done}"
        if len(states) > 1 and chance.random() < 0.2:
            catalog.undo()
            assert state(catalog) == states[-2], f"not undone: the last of {done}"
            if chance.random() < 0.5:
                catalog.redo()
                assert state(catalog) == states[-1], f"not made again: the last of {done}"
            else:
                states.pop()
    for earlier in reversed(states[:-1]):
        assert catalog.undo() is not None
        assert state(catalog) == earlier, done
    assert catalog.undo() is None
    for later in states[1:]:
        assert catalog.redo() is not None
        assert state(catalog) == later, done
