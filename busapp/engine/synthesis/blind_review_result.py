"""The result of a blinded review: how well real and synthetic images were told apart, and how many were fit."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from busapp.engine.metrics import exact95


class Share(BaseModel):
    """`count` of `of`, with its exact 95 % interval (Clopper and Pearson 1934), within [0, 1]."""

    model_config = ConfigDict(frozen=True)

    count: int
    of: int
    ci95: tuple[float, float]

    @classmethod
    def of_list(cls, answers: Sequence[bool]) -> "Share":
        """The share of true answers."""
        return cls(count=sum(answers), of=len(answers), ci95=exact95(sum(answers), len(answers)))

    @property
    def value(self) -> float | None:
        """In [0, 1]; None if `of` is 0."""
        return self.count / self.of if self.of else None

    def in_words(self) -> str:
        """`52 % (36 to 68)`; a dash if nothing was counted."""
        if self.value is None:
            return "–"
        low, high = (f"{100 * bound:.0f}" for bound in self.ci95)
        return f"{100 * self.value:.0f} % ({low} to {high})"


class ReviewResult(BaseModel):
    """Sensitivity is the share of synthetic images that were called synthetic, specificity the share of real images
    that were called real. `chance` is the share of correct answers of a reader who calls all images by their more
    frequent kind: one half, unless images were gone or the review ended early. `needed` is the smallest number of
    correct answers that guessing does not explain; None if even a review without a mistake could be guessed.
    `set_aside` synthetic images were taken out of use; `gone` images could not be shown."""

    model_config = ConfigDict(frozen=True)

    correct: Share
    sensitivity: Share
    specificity: Share
    fit_synthetic: Share
    fit_real: Share
    chance: float
    needed: int | None
    set_aside: int
    gone: int

    @property
    def verdict(self) -> str:
        """A short phrase without numbers."""
        low, high = self.correct.ci95
        if low > self.chance:
            return "told apart better than by chance"
        if high < 1 - self.chance:
            return "told apart, but with real and synthetic swapped"
        return "not told apart from real images by this reader"

    @property
    def headline(self) -> str:
        """The verdict with its numbers."""
        correct = self.correct
        if not correct.of:
            return "No result: no image was answered."
        return f"{self.verdict.capitalize()}: {correct.count} of {correct.of} correct, {correct.in_words()}."

    @property
    def caution(self) -> str:
        """Limits of the headline, as sentences."""
        guessing = f"Guessing reaches {100 * self.chance:.0f} %."
        if self.sensitivity.of != self.specificity.of:
            more = "real" if self.specificity.of > self.sensitivity.of else "synthetic"
            guessing = f"Calling all of them {more} reaches {100 * self.chance:.0f} %, because that many are {more}."
        if not self.correct.of:
            return ""
        if self.needed is None:
            return f"{guessing} With so few images, guessing could explain even a review without a mistake."
        if self.verdict.startswith("not"):
            return (
                f"{guessing} Few images prove little: of {self.correct.of} images, {self.needed} must be called "
                "correctly before guessing no longer explains it. This does not show that the images are alike."
            )
        return guessing


def needed_for_more_than_guessing(of: int, chance: float) -> int | None:
    """Smallest number of correct answers among `of` whose exact 95 % interval lies above `chance`; None if there is
    none."""

    return next((count for count in range(of + 1) if exact95(count, of)[0] > chance), None)
