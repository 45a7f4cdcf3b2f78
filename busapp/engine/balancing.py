"""The job that balances the classes of a study: each gets as many drawn images as it lacks to equal the largest.

Source: Samrin 2024, section 3.4 (227 malignant and 304 normal images for BUSI).
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from busapp.engine import estimates
from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.estimates import Estimate
from busapp.engine.events import CheckpointSaved, Event, Finished, Job, Note, Progress, RunStarted, Skipped
from busapp.engine.gan.drawing import DrawnImage, draw_new, drawn_so_far, store, write_drawn
from busapp.engine.gan.generators import GeneratorRecord, find_generators, qualifies, real_hashes
from busapp.engine.jobs import as_part, resume, start
from busapp.engine.runs import Run
from busapp.engine.settings import BalanceSettings, SynthesizeSettings
from busapp.engine.synthesis import FEWEST_IMAGES
from busapp.engine.words import many
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, NoSpace, NotEnoughImages, UserError


def balance_classes(workspace: Workspace, settings: BalanceSettings, run: Run) -> Job:
    """Draw what every class lacks and add all of it to the catalog in one change.

    The images of a class come from its newest generator (`newest_generator`), after those that were drawn from it
    before; where there is none, one is trained first, as a run of its own. Copies of training images and images that
    the study has set aside are left out. Each image is of the run that trained its generator, so that it can be
    followed to the images which that was trained on. A class for which this fails is told of, and the others go on.

    Result: `run`, `images` (added, of all classes), `counts` (images in use after it, by class) and `classes`, one
    entry for each class that lacked images: `class`, `lacked`, `images` (added), `generator` (the run that trained it),
    `preset`, `epochs`, `n_trained_on`, `trained` (whether it was trained for this), `copies`, `left_out`, and `problem`
    (a sentence where nothing could be drawn, else empty; then all after `images` are None).

    Raises:
        NotEnoughImages, BadModel, …: no class could be drawn for; what was wrong with the first.
        NoSpace: the disk is full; the catalog is as it was.
    """
    begun = _Begun.of(workspace, run)
    if begun.to_add is None:
        shares = plan(workspace, settings)
        yield from _announce(shares)
        yield from _draw_all(begun, shares)
    yield Finished(begun.added())


# -- the plan ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """What one class is to get: `count` images of `generator`, or where that is None of one that is trained first with
    the settings `training`, which takes as long as `estimate` says. `problem` says why it can get none, else it is
    empty. Of the images that the generator was trained on, `n_outdated` are set aside now or of another class."""

    class_name: str
    count: int
    generator: GeneratorRecord | None
    training: SynthesizeSettings
    estimate: Estimate
    n_outdated: int = 0
    problem: str = ""

    def in_words(self) -> str:
        """A sentence for people."""
        if self.problem:
            return self.problem
        gets = f"{self.class_name} gets {many(self.count, 'image')}"
        if self.generator is None:
            how = f"preset {self.training.preset}, {many(self.training.epochs, 'epoch')}"
            return f"{gets} from a generator that is trained first ({how}): {self.estimate.in_words()}."
        of = self.generator.settings
        return (
            f"{gets} from the generator of {self.generator.name} (preset {of.preset}, {many(of.epochs, 'epoch')}, "
            f"trained on {many(len(self.generator.trained_on), 'image')})."
        )


def plan(workspace: Workspace, settings: BalanceSettings) -> list[Share]:
    """What every class lacks, synthetic images in use counted in, and where it will come from. A class whose real
    images are all set aside takes no part, as in a validation."""
    real = workspace.catalog.counts("real")
    in_use = {name: count for name, count in workspace.catalog.counts(None).items() if real[name]}
    shares = []
    for class_name, count in estimates.lacking(in_use).items():
        images = workspace.catalog.images(class_name=class_name, kind="real", with_excluded=False)
        training = settings.generator(class_name)
        generator = newest_generator(workspace, class_name)
        if generator is not None:
            n_outdated = len(generator.trained_on - {image.sha256 for image in images})
            shares.append(Share(class_name, count, generator, training, Estimate(0.0, measured=True), n_outdated))
            continue
        expected = estimates.expect(estimates.gan_key(training), training.epochs * len(images))
        shares.append(Share(class_name, count, None, training, expected, problem=_too_few(class_name, images)))
    return shares


def newest_generator(workspace: Workspace, class_name: str) -> GeneratorRecord | None:
    """The newest one of a finished synthesis of which the study still has all images that it was trained on. Those of
    validations are not looked at: they were kept from images that they could have learned from."""
    known = real_hashes(workspace)
    finished = {run.id for run in workspace.runs("synthesize") if run.info.state == "finished"}
    usable = (
        record
        for record in find_generators(workspace, class_name)
        if not record.is_of_validation and record.name in finished and qualifies(record, known)
    )
    return next(usable, None)


def _too_few(class_name: str, images: Sequence[ImageRecord]) -> str:
    if len(images) >= FEWEST_IMAGES:
        return ""
    return (
        f"{class_name} gets none: it has {many(len(images), 'real image')} and no generator, and a generator needs at "
        f"least {FEWEST_IMAGES}."
    )


def _announce(shares: Sequence[Share]) -> Generator[Event, None, None]:
    if not shares:
        yield Note("No class lacks images.")
    for share in shares:
        yield Note(share.in_words(), "warning" if share.problem else "info")
        if share.n_outdated:
            yield Note(
                f"The generator of {share.class_name} was trained on {many(share.n_outdated, 'image')} that the study "
                "has set aside since, or given another class.",
                "warning",
            )
    to_train = [share for share in shares if share.generator is None and not share.problem]
    if len(to_train) > 1:
        total = sum((share.estimate for share in to_train), Estimate(0.0, measured=True))
        yield Note(f"{len(to_train)} generators have to be trained, all together: {total.in_words()}.")


# -- doing it ------------------------------------------------------------------------------------------------


@dataclass
class _Begun:
    """What belongs to the job; kept in its checkpoint, so that it is gone on with when the job is."""

    workspace: Workspace
    run: Run
    runs: dict[str, str] = field(default_factory=dict)
    """The trainings that it began, by class."""
    to_add: list[NewImage] | None = None
    """Images that are stored and go into the catalog, with `classes` of the result; None until all are drawn."""
    classes: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, workspace: Workspace, run: Run) -> "_Begun":
        begun = cls(workspace, run)
        if run.checkpoint.exists():
            header = load_checkpoint(run.checkpoint)[1]
            begun.runs, begun.classes = header["runs"], header["classes"]
            if header["to_add"] is not None:
                begun.to_add = [NewImage(**image) for image in header["to_add"]]
        return begun

    def save(self) -> CheckpointSaved:
        to_add = None if self.to_add is None else [asdict(image) for image in self.to_add]
        save_checkpoint(self.run.checkpoint, {}, {"runs": self.runs, "classes": self.classes, "to_add": to_add})
        return CheckpointSaved(epoch=0)

    def training(self, settings: SynthesizeSettings) -> Job:
        """The training of a class: gone on with where it was begun."""
        begun = self.runs.get(settings.class_name)
        try:
            can_resume = begun is not None and self.workspace.run(begun).can_resume
        except BadInput:  # the run was deleted
            can_resume = False
        return resume(self.workspace, begun) if begun and can_resume else start(self.workspace, settings)

    def added(self) -> dict[str, Any]:
        """Add what was drawn, unless that was done before a crash; the job's result."""
        new, counted = self.to_add or [], [f"{one['class']} {one['images']}" for one in self.classes if one["images"]]
        self.workspace.catalog.add(
            new, f"{many(len(new), 'synthetic image')} drawn to balance the classes: {', '.join(counted)}"
        )
        counts = self.workspace.catalog.counts(None)
        return {"run": self.run.id, "images": len(new), "counts": counts, "classes": self.classes}


def _draw_all(begun: _Begun, shares: Sequence[Share]) -> Generator[Event, None, None]:
    """Train what is missing and draw for all classes; nothing is in the catalog before all are done."""
    sizes = [max(1, round(10 * share.estimate.seconds)) + share.count for share in shares]
    new: list[NewImage] = []
    tables: list[tuple[GeneratorRecord, list[DrawnImage]]] = []
    begun.classes = []
    errors: list[UserError] = []
    for number, share in enumerate(shares):
        before, total, training = sum(sizes[:number]), sum(sizes), sizes[number] - share.count
        title = f"class {number + 1} of {len(shares)}"
        entry: dict[str, Any] = {"class": share.class_name, "lacked": share.count, "images": 0, **_NOTHING}
        try:
            if share.problem:
                raise NotEnoughImages(share.problem.removesuffix("."), remedy="Import more images of this class.")
            generator = share.generator
            if generator is None:
                yield from _trained(begun, share, f"{title}, generator", before, training, total)
                generator = _new_generator(begun.workspace, share.class_name)
            drawing = _drawn(begun.workspace, generator, share.count)
            images, table, counted = yield from as_part(drawing, title, before + training, share.count, total)
            new += images
            tables.append((generator, table))
            entry |= {"images": len(images), **_described(generator), "trained": share.generator is None, **counted}
        except NoSpace:
            raise
        except UserError as error:
            errors.append(error)
            entry["problem"] = str(error)
            if not share.problem:
                yield Note(f"{share.class_name} gets no images: {error}", "warning")
        begun.classes.append(entry)
    if errors and len(errors) == len(shares):
        raise errors[0]
    for generator, table in tables:
        write_drawn(generator.folder, table)
    begun.to_add = new
    yield begun.save()


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("generator", "preset", "epochs", "n_trained_on", "trained", "copies", "left_out")),
    "problem": "",
}


def _described(generator: GeneratorRecord) -> dict[str, Any]:
    return {
        "generator": generator.name,
        "preset": generator.settings.preset,
        "epochs": generator.settings.epochs,
        "n_trained_on": len(generator.trained_on),
    }


def _new_generator(workspace: Workspace, class_name: str) -> GeneratorRecord:
    found = newest_generator(workspace, class_name)
    if found is None:
        raise BadInput(
            f"Images of the class {class_name} were changed while its generator was trained on them",
            remedy="Undo the change, or balance the classes again, which trains another.",
        )
    return found


def _trained(
    begun: _Begun, share: Share, title: str, before: int, size: int, total: int
) -> Generator[Event, None, None]:
    """Train the generator of a class as a run of its own; of its events, those that mean something without that run."""
    for event in as_part(begun.training(share.training), title, before, size, total):
        if isinstance(event, RunStarted):
            begun.runs[share.class_name] = event.run
            yield begun.save()
            yield Note(f"The generator of {share.class_name} is trained in the run {event.run}.")
        elif isinstance(event, Progress | Note | Skipped):
            yield event


def _drawn(
    workspace: Workspace, generator: GeneratorRecord, count: int
) -> Generator[Event, None, tuple[list[NewImage], list[DrawnImage], dict[str, int]]]:
    start_at = drawn_so_far(workspace, workspace.run(generator.name))
    drawn = yield from draw_new(workspace, generator, count, f"drawing {generator.class_name}", start=start_at)
    new, table = yield from store(workspace, generator, drawn, count)
    return new, table, {"copies": len(drawn.copies), "left_out": drawn.left_out}
