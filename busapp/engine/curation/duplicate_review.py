"""Near-duplicates as a person goes through them: what waits, in which order, and what hangs together."""

from collections.abc import Iterable, Mapping, Sequence

from busapp.engine.catalog import ImageRecord, Pair


class PairReview:
    """The pairs of a study. A pair waits as long as nothing was said of it and both of its images are in use."""

    def __init__(self, pairs: Iterable[Pair], images: Iterable[ImageRecord], flags: Mapping[int, list[str]]) -> None:
        """What the catalog says; pairs of images that are not among these are left out."""
        self.images = {image.id: image for image in images}
        self.flags = flags
        self.pairs = [pair for pair in pairs if pair.first in self.images and pair.second in self.images]
        # Of two labels for one picture one must be wrong; and the surer the likeness, the less a person is needed.
        self.pairs.sort(key=lambda pair: (not self.contradicts(pair), pair.similarity, pair.first, pair.second))
        self._partners: dict[int, list[int]] = {}
        for pair in self.pairs:
            if pair.verdict != "different":
                self._partners.setdefault(pair.first, []).append(pair.second)
                self._partners.setdefault(pair.second, []).append(pair.first)

    @property
    def waiting(self) -> list[Pair]:
        """Those that a person has to look at: different classes first, then the least alike."""
        return [pair for pair in self.pairs if self.waits(pair)]

    def contradicts(self, pair: Pair) -> bool:
        """Whether its two images have different classes."""
        return self.images[pair.first].class_name != self.images[pair.second].class_name

    def is_in_use(self, pair: Pair) -> bool:
        """Whether neither of its images is set aside."""
        return self.images[pair.first].excluded is None and self.images[pair.second].excluded is None

    def waits(self, pair: Pair) -> bool:
        """Whether it has not been decided yet."""
        return pair.verdict is None and self.is_in_use(pair)

    def is_unresolved(self, pair: Pair) -> bool:
        """Whether it was said to be one picture and still has two classes: `strict` leaves both images out."""
        return pair.verdict == "same" and self.is_in_use(pair) and self.contradicts(pair)

    def members(self, pair: Pair) -> list[ImageRecord]:
        """The images that pairs, this one among them, connect; none where they are said to be different."""
        found, open_ends = {pair.first}, [pair.first]
        while open_ends:
            for partner in self._partners.get(open_ends.pop(), []):
                if partner not in found:
                    found.add(partner)
                    open_ends.append(partner)
        return [self.images[image_id] for image_id in sorted(found)] if pair.second in found else []

    def pairs_within(self, members: Sequence[ImageRecord]) -> list[Pair]:
        """The pairs of which both images are among these, but for those said to be different."""
        ids = {image.id for image in members}
        return [pair for pair in self.pairs if pair.first in ids and pair.second in ids and pair.verdict != "different"]

    def is_worth_less(self, image: ImageRecord, other: ImageRecord) -> bool:
        """Whether an image is rather set aside than the other: it has more flags, or as many and fewer pixels."""
        flags, others = len(self.flags.get(image.id, [])), len(self.flags.get(other.id, []))
        return (-flags, image.width * image.height) < (-others, other.width * other.height)

    def decision_in_words(self, pair: Pair) -> str:
        """`the same picture`, `different pictures, set aside`, …; empty while it waits."""
        said = {"same": ["the same picture"], "different": ["different pictures"], None: []}[pair.verdict]
        return ", ".join(said if self.is_in_use(pair) else [*said, "set aside"])

    def outcome_in_words(self) -> str:
        """What was decided, once nothing waits."""
        if not self.pairs:
            return (
                "No images look alike."
                if any(image.checked for image in self.images.values())
                else "Near-duplicates were not looked for yet. Go back and have the images checked first."
            )
        same = sum(pair.verdict == "same" and self.is_in_use(pair) for pair in self.pairs)
        different = sum(pair.verdict == "different" for pair in self.pairs)
        aside = len(self.pairs) - same - different
        unresolved = sum(map(self.is_unresolved, self.pairs))
        words = (
            f"All {len(self.pairs):,} pairs are decided: {same:,} the same picture, {different:,} different pictures, "
            f"{aside:,} with an image set aside.\nA strict validation keeps the same pictures together in every fold."
        )
        if unresolved:
            words += (
                f"\nIn {unresolved:,} of them the same picture still has two classes: strict leaves these images out "
                "until a class is changed or one of them is set aside."
            )
        return words
