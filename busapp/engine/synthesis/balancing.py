"""The job that balances the classes of a study: it draws images until each class is as large as the largest.

Source: Samrin 2024, section 3.4 (227 malignant and 304 normal images for BUSI).
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from busapp.engine import speeds
from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.catalog.counts import lacking
from busapp.engine.contract.synthesis import BalancedClass, BalanceResult
from busapp.engine.events import CheckpointSaved, Event, Finished, Job, Note, Progress, RunStarted, Skipped
from busapp.engine.gan.drawing import DrawnImage, draw_new, drawn_so_far, known_of, store, write_drawn
from busapp.engine.gan.generators import GeneratorRecord, find_generators, qualifies, real_hashes
from busapp.engine.jobs import resume, start
from busapp.engine.progress import as_part
from busapp.engine.settings import BalanceSettings, SynthesizeSettings
from busapp.engine.speeds import Estimate
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.job import FEWEST_IMAGES
from busapp.engine.utils.words import many
from busapp.errors import BadInput, NoSpace, NotEnoughImages, UserError


def balance_classes(workspace: Workspace, settings: BalanceSettings, run: Run) -> Job:
    """Draw the images that every class lacks, and add them all to the catalog in one change.

    The images of a class come from its newest generator (`newest_generator`). They continue its stream after the images
    drawn earlier. A class without a generator gets one first, trained in a run of its own. Copies of training images
    and images that the study has set aside are skipped. Each image names the run that trained its generator, which
    leads back to the training images. If a class fails, the job reports it and continues with the other classes.

    Result: see `BalanceResult`.

    Raises:
        NotEnoughImages, BadModel, …: all classes failed; the error is that of the first.
        NoSpace: the disk is full. The catalog stays unchanged.
    """
    state = _State.of(workspace, run)
    if state.to_add is None or not state.is_added():
        plans = plan(workspace, settings)
        if state.to_add is not None and not state.is_for(plans):
            yield Note("The classes lack another number of images now, or have other generators: new images are drawn.")
            state.to_add, state.adding = None, False
        if state.to_add is None:
            yield from _announce(plans)
            yield from _draw_all(state, plans)
    yield Finished(dict(state.added()))


# -- the plan ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The plan for one class: `count` images from `generator`.

    If `generator` is None, one is trained first with the settings `training`; `estimate` is the time for that.
    `problem` is a sentence if the class can get no images, else empty. `n_outdated` counts training images of the
    generator that are now set aside or in another class.
    """

    class_name: str
    count: int
    generator: GeneratorRecord | None
    training: SynthesizeSettings
    estimate: Estimate
    n_outdated: int = 0
    problem: str = ""

    def in_words(self) -> str:
        """Return the plan as a sentence."""
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


def plan(workspace: Workspace, settings: BalanceSettings) -> list[ClassPlan]:
    """Return a plan for each class that has fewer images in use, real and synthetic, than the largest.

    A class whose real images are all set aside takes no part, as in a validation.
    """
    real = workspace.catalog.counts("real")
    in_use = {name: count for name, count in workspace.catalog.counts(None).items() if real[name]}
    plans = []
    for class_name, count in lacking(in_use).items():
        images = workspace.catalog.images(class_name=class_name, kind="real", with_excluded=False)
        training = settings.generator(class_name)
        generator = newest_generator(workspace, class_name)
        if generator is not None:
            n_outdated = len(generator.trained_on - {image.sha256 for image in images})
            plans.append(ClassPlan(class_name, count, generator, training, Estimate(0.0, measured=True), n_outdated))
            continue
        expected = speeds.expect(speeds.gan_key(training), training.epochs * len(images))
        plans.append(ClassPlan(class_name, count, None, training, expected, problem=_too_few(class_name, images)))
    return plans


def newest_generator(workspace: Workspace, class_name: str) -> GeneratorRecord | None:
    """The newest generator of a finished synthesis run whose training images are all still in the study.

    Generators of validations do not count: some images were held out from their training.
    """
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
        f"{class_name} gets none: it has {many(len(images), 'real image')} and no generator. A generator needs at "
        f"least {FEWEST_IMAGES} real images."
    )


def _announce(plans: Sequence[ClassPlan]) -> Generator[Event, None, None]:
    if not plans:
        yield Note("No class lacks images.")
    for one in plans:
        yield Note(one.in_words(), "warning" if one.problem else "info")
        if one.n_outdated:
            yield Note(
                f"The generator of {one.class_name} was trained on {many(one.n_outdated, 'image')} that the study has "
                "since set aside or moved to another class.",
                "warning",
            )
    to_train = [one for one in plans if one.generator is None and not one.problem]
    if len(to_train) > 1:
        total = sum((one.estimate for one in to_train), Estimate(0.0, measured=True))
        yield Note(f"{len(to_train)} generators have to be trained. In total: {total.in_words()}.")


# -- doing it ------------------------------------------------------------------------------------------------


Lack = tuple[str, int, str | None]
"""A class, the number of images that it lacks, and the name of the generator for them."""


@dataclass
class _State:
    """State of the job. It is saved in the checkpoint, so that a resumed job continues from it."""

    workspace: Workspace
    run: Run
    runs: dict[str, str] = field(default_factory=dict)
    """Ids of the training runs that the job started, by class."""
    to_add: list[NewImage] | None = None
    """Stored images that are new to the catalog; None until all are drawn. `tables`, `lacked` and `classes` belong to
    them."""
    tables: dict[str, list[DrawnImage]] = field(default_factory=dict)
    """Rows for the list of drawn images of each generator, by its name."""
    lacked: list[Lack] = field(default_factory=list)
    """The needs for which the images were drawn."""
    classes: list[BalancedClass] = field(default_factory=list)
    adding: bool = False
    """True if the images may already be in the catalog. If false, images with these names there are another run's."""

    @classmethod
    def of(cls, workspace: Workspace, run: Run) -> "_State":
        state = cls(workspace, run)
        if run.checkpoint.exists():
            header = load_checkpoint(run.checkpoint)[1]
            state.runs, state.classes = header["runs"], header["classes"]
            state.lacked = [(name, count, generator) for name, count, generator in header.get("lacked", ())]
            state.adding, tables = header.get("adding", True), header.get("tables", {})
            state.tables = {name: [DrawnImage(**row) for row in rows] for name, rows in tables.items()}
            if header["to_add"] is not None:
                state.to_add = [NewImage(**image) for image in header["to_add"]]
        return state

    def save(self) -> CheckpointSaved:
        to_add = None if self.to_add is None else [asdict(image) for image in self.to_add]
        tables = {name: [asdict(row) for row in rows] for name, rows in self.tables.items()}
        header = {"runs": self.runs, "classes": self.classes, "lacked": self.lacked, "adding": self.adding}
        save_checkpoint(self.run.checkpoint, {}, {**header, "tables": tables, "to_add": to_add})
        return CheckpointSaved(epoch=0)

    def training(self, settings: SynthesizeSettings) -> Job:
        """Start the training of a class, or resume it if the job has started it before."""
        run_id = self.runs.get(settings.class_name)
        try:
            can_resume = run_id is not None and self.workspace.run(run_id).can_resume
        except BadInput:  # the run was deleted
            can_resume = False
        return resume(self.workspace, run_id) if run_id and can_resume else start(self.workspace, settings)

    def is_for(self, plans: Sequence[ClassPlan]) -> bool:
        """True if the drawn images still fit the plans, with the same generators, and can still be added."""
        known = self.workspace.catalog.known()
        if any((image.file, image.sha256) in known for image in self.to_add or ()):  # a newer run drew the same images
            return False
        try:
            for name in self.tables:
                known_of(self._folder(name))
        except BadInput:
            return False
        return self.lacked == [_lack(one, one.generator) for one in plans]

    def is_added(self) -> bool:
        """True if all drawn images were added to the catalog before a crash."""
        known = self.workspace.catalog.known()
        return self.adding and all((image.file, image.sha256) in known for image in self.to_add or ())

    def added(self) -> BalanceResult:
        """Add the drawn images, unless that was done before a crash. Returns the job's result."""
        new, counted = self.to_add or [], [f"{one['class']} {one['images']}" for one in self.classes if one["images"]]
        if not self.is_added():
            self.adding = True
            self.save()
            for name, rows in self.tables.items():
                write_drawn(self._folder(name), rows)
            self.workspace.catalog.add(
                new, f"{many(len(new), 'synthetic image')} drawn to balance the classes: {', '.join(counted)}"
            )
        counts = self.workspace.catalog.counts(None)
        return {"run": self.run.id, "images": len(new), "counts": counts, "classes": self.classes}

    def _folder(self, generator: str) -> Path:
        return self.workspace.run(generator).folder


def _lack(one: ClassPlan, generator: GeneratorRecord | None) -> Lack:
    return one.class_name, one.count, None if generator is None else generator.name


def _draw_all(state: _State, plans: Sequence[ClassPlan]) -> Generator[Event, None, None]:
    """Train the missing generators and draw for all classes. The catalog changes only after all images are drawn."""
    sizes = [max(1, round(10 * one.estimate.seconds)) + one.count for one in plans]
    new: list[NewImage] = []
    state.classes, state.lacked, state.tables = [], [], {}
    known = state.workspace.catalog.known()
    errors: list[UserError] = []
    for number, one in enumerate(plans):
        before, total, training = sum(sizes[:number]), sum(sizes), sizes[number] - one.count
        title = f"class {number + 1} of {len(plans)}"
        generator = one.generator
        try:
            if one.problem:
                raise NotEnoughImages(one.problem.removesuffix("."), remedy="Import more images of this class.")
            if generator is None:
                yield from _trained(state, one, f"{title}, generator", before, training, total)
                generator = _new_generator(state.workspace, one.class_name)
            drawing = _drawn(state.workspace, generator, one.count)
            images, table, counted = yield from as_part(drawing, title, before + training, one.count, total)
            fresh = [image for image in images if (image.file, image.sha256) not in known]
            new += fresh
            state.tables[generator.name] = table
            # The job itself began this run, maybe before it was stopped and resumed.
            trained = state.runs.get(one.class_name) == generator.name
            state.classes.append(_filled(one, generator, images=len(fresh), trained=trained, left=counted))
        except NoSpace:
            raise
        except UserError as error:
            errors.append(error)
            state.classes.append(_not_filled(one, str(error)))
            if not one.problem:
                yield Note(f"{one.class_name} gets no images: {error}", "warning")
        state.lacked.append(_lack(one, generator))
    if errors and len(errors) == len(plans):
        raise errors[0]
    state.to_add = new
    yield state.save()


class _LeftOut(NamedTuple):
    """Drawn images that are not used: `copies` of training images, and those that the study has `set_aside`."""

    copies: int
    set_aside: int


def _filled(one: ClassPlan, generator: GeneratorRecord, *, images: int, trained: bool, left: _LeftOut) -> BalancedClass:
    return {
        "class": one.class_name,
        "lacked": one.count,
        "images": images,
        "generator": generator.name,
        "preset": generator.settings.preset,
        "epochs": generator.settings.epochs,
        "n_trained_on": len(generator.trained_on),
        "trained": trained,
        "copies": left.copies,
        "left_out": left.set_aside,
        "problem": "",
    }


def _not_filled(one: ClassPlan, problem: str) -> BalancedClass:
    return {
        "class": one.class_name,
        "lacked": one.count,
        "images": 0,
        "generator": None,
        "preset": None,
        "epochs": None,
        "n_trained_on": None,
        "trained": None,
        "copies": None,
        "left_out": None,
        "problem": problem,
    }


def _new_generator(workspace: Workspace, class_name: str) -> GeneratorRecord:
    found = newest_generator(workspace, class_name)
    if found is None:
        raise BadInput(
            f"Images of the class {class_name} were changed while its generator was trained on them",
            remedy="Undo the change, or balance the classes again, which trains another generator.",
        )
    return found


def _trained(
    state: _State, one: ClassPlan, title: str, before: int, size: int, total: int
) -> Generator[Event, None, None]:
    """Train the generator of a class in a run of its own. Yields only the events that make sense outside that run."""
    for event in as_part(state.training(one.training), title, before, size, total):
        if isinstance(event, RunStarted):
            state.runs[one.class_name] = event.run
            yield state.save()
            yield Note(f"The generator of {one.class_name} is trained in the run {event.run}.")
        elif isinstance(event, Progress | Note | Skipped):
            yield event


def _drawn(
    workspace: Workspace, generator: GeneratorRecord, count: int
) -> Generator[Event, None, tuple[list[NewImage], list[DrawnImage], _LeftOut]]:
    start_at = drawn_so_far(workspace, workspace.run(generator.name))
    drawn = yield from draw_new(workspace, generator, count, f"drawing {generator.class_name}", start=start_at)
    new, table = yield from store(workspace, generator, drawn, count)
    return new, table, _LeftOut(len(drawn.copies), drawn.left_out)
