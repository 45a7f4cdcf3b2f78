"""The state of a person's review of near-duplicates: the waiting pairs, their order, and the groups that they form."""

from collections.abc import Iterable, Mapping, Sequence

from busapp.engine.catalog import ImageRecord, Pair


class PairReview:
    """The pairs of a study. A pair waits until it is decided, as long as both of its images are in use."""

    def __init__(self, pairs: Iterable[Pair], images: Iterable[ImageRecord], flags: Mapping[int, list[str]]) -> None:
        """Take pairs, images and flags from the catalog. Pairs with an image that is not in `images` are skipped."""
        self.images = {image.id: image for image in images}
        self.flags = flags
        self.pairs = [pair for pair in pairs if pair.first in self.images and pair.second in self.images]
        # Two labels for one picture: one must be wrong, so these come first. The surest pairs need a person least.
        self.pairs.sort(key=lambda pair: (not self.contradicts(pair), pair.similarity, pair.first, pair.second))
        self._partners: dict[int, list[int]] = {}
        for pair in self.pairs:
            if pair.verdict != "different":
                self._partners.setdefault(pair.first, []).append(pair.second)
                self._partners.setdefault(pair.second, []).append(pair.first)

    @property
    def waiting(self) -> list[Pair]:
        """The pairs that a person has to decide: different classes first, then the least similar."""
        return [pair for pair in self.pairs if self.waits(pair)]

    def contradicts(self, pair: Pair) -> bool:
        """True if its two images have different classes."""
        return self.images[pair.first].class_name != self.images[pair.second].class_name

    def is_in_use(self, pair: Pair) -> bool:
        """True if neither of its images is set aside."""
        return self.images[pair.first].excluded is None and self.images[pair.second].excluded is None

    def waits(self, pair: Pair) -> bool:
        """True if it has not been decided yet."""
        return pair.verdict is None and self.is_in_use(pair)

    def is_unresolved(self, pair: Pair) -> bool:
        """True if it was decided to be one picture but still has two classes: `strict` skips both images."""
        return pair.verdict == "same" and self.is_in_use(pair) and self.contradicts(pair)

    def members(self, pair: Pair) -> list[ImageRecord]:
        """The images connected by pairs that include this one; empty if its images were decided to be different."""
        found, open_ends = {pair.first}, [pair.first]
        while open_ends:
            for partner in self._partners.get(open_ends.pop(), []):
                if partner not in found:
                    found.add(partner)
                    open_ends.append(partner)
        return [self.images[image_id] for image_id in sorted(found)] if pair.second in found else []

    def pairs_within(self, members: Sequence[ImageRecord]) -> list[Pair]:
        """The pairs between these images, except those decided to be different."""
        ids = {image.id for image in members}
        return [pair for pair in self.pairs if pair.first in ids and pair.second in ids and pair.verdict != "different"]

    def is_worth_less(self, image: ImageRecord, other: ImageRecord) -> bool:
        """True if this image should be set aside rather than the other: it has more flags, or as many flags and fewer
        pixels."""
        flags, others = len(self.flags.get(image.id, [])), len(self.flags.get(other.id, []))
        return (-flags, image.width * image.height) < (-others, other.width * other.height)

    def decision_in_words(self, pair: Pair) -> str:
        """The decision in words: `the same picture`, `different pictures, set aside`, …; empty while it waits."""
        said = {"same": ["the same picture"], "different": ["different pictures"], None: []}[pair.verdict]
        return ", ".join(said if self.is_in_use(pair) else [*said, "set aside"])

    def outcome_in_words(self) -> str:
        """A summary of the decisions, for when no pair waits."""
        if not self.pairs:
            return (
                "No images look alike."
                if any(image.checked for image in self.images.values())
                else "Near-duplicates were not looked for yet. Go back and check the images first."
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
                f"\nIn {unresolved:,} of them the same picture still has two classes. A strict validation skips these "
                "images until a class is changed or one image of the pair is set aside."
            )
        return words
