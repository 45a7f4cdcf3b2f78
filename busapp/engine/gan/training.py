"""The training of a DCGAN, as Python steps that yield events. It can be stopped after any step and resumed.

Source: Samrin 2024, Figure 7: in every step both networks are updated from the same batch, with the gradients of one
forward pass; binary cross-entropy; Adam for both.

Every random number is drawn from (seed, epoch, step), so a checkpoint needs no random state. It holds both networks,
both optimisers, the framework and the position of the training, to the step.
"""

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine import speeds
from busapp.engine.events import CheckpointSaved, Event, GanEpochEnded, Note, Progress, SamplesDrawn
from busapp.engine.gan import dcgan
from busapp.engine.gan.dcgan import Stream
from busapp.engine.gan.discriminator_file import save_discriminator
from busapp.engine.gan.generators import GeneratorRecord, same_training
from busapp.engine.gan.keras_setup import choose_framework, device_of
from busapp.engine.gan.networks import Networks
from busapp.engine.gan.trainer import Trainer
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import Framework, SynthesizeSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.resumption import surroundings_changed
from busapp.engine.utils.arrays import checksum
from busapp.engine.utils.files import check_space, space_is_needed, write_atomically
from busapp.engine.utils.png import bare_png
from busapp.errors import CannotResume, TrainingDiverged

CHECKPOINT: Final = "checkpoint.safetensors"
GRID_ROWS: Final = 4
GRID_COLUMNS: Final = 5
SURE: Final = 0.95
"""If mean D(x) is above this and mean D(G(z)) below 1 minus this, the discriminator is almost never wrong."""
SURE_EPOCHS: Final = 20
"""Number of such epochs in a row before a warning."""
ALIKE: Final = 0.25
"""If samples vary by less than this fraction of the variation of real images, they have collapsed."""


@dataclass(frozen=True, slots=True)
class TrainedGenerator:
    """A generator at the end of its training. Losses are those of the last epoch; `seconds` cover all parts of the
    run."""

    record: GeneratorRecord
    framework: Framework
    steps: int
    seconds: float
    g_loss: float
    d_loss: float


@dataclass
class _Position:
    """Position of a training, to the step."""

    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps of the current epoch."""
    steps: int = 0
    """Finished steps in all."""
    images: int = 0
    """Images of the current epoch so far."""
    sums: list[float] = field(default_factory=lambda: [0.0] * 4)
    """Sums over these images of g_loss, d_loss, D(x) and D(G(z))."""
    seconds: float = 0.0
    g_loss: float = math.nan
    d_loss: float = math.nan
    d_real: float = math.nan
    d_fake: float = math.nan
    """Losses and means of the last finished epoch."""
    speed: float = 0.0
    """Images per second in that epoch."""
    is_told: bool = True
    """True if all events of that epoch were yielded. If the training was closed before, a resumed one repeats them."""
    sure_epochs: int = 0
    """Number of epochs in a row in which the discriminator was almost never wrong."""
    warned: list[str] = field(default_factory=list)

    def add(self, losses: npt.NDArray[np.float32], images: int) -> None:
        self.sums = [total + float(value) * images for total, value in zip(self.sums, losses, strict=True)]
        self.images += images
        self.step += 1
        self.steps += 1

    def end_epoch(self, speed: float) -> None:
        self.g_loss, self.d_loss, self.d_real, self.d_fake = (total / self.images for total in self.sums)
        self.epoch, self.step, self.images, self.sums = self.epoch + 1, 0, 0, [0.0] * 4
        self.speed, self.is_told = speed, False
        is_sure = self.d_real > SURE and self.d_fake < 1 - SURE
        self.sure_epochs = self.sure_epochs + 1 if is_sure else 0


def train_generator(
    pixels: Pixels, settings: SynthesizeSettings, folder: Path, *, trained_on: Sequence[str]
) -> Generator[Event, None, TrainedGenerator]:
    """Train a DCGAN on `pixels`, uint8 (n, size, size, 3), with the content hashes `trained_on`, in `folder`.

    Resumes from the checkpoint in `folder` if there is one; on the CPU it then ends with the same numbers. When closed,
    it leaves a checkpoint of its last step. At the end `folder` holds `generator.keras`, `generator.json` and
    `discriminator.safetensors`.

    Yields `Progress` after every step, `GanEpochEnded`, and now and then `SamplesDrawn`, `CheckpointSaved` and a
    warning.

    Raises:
        NoSpace: there is no room for checkpoints. Raised before the training begins.
        TrainingDiverged: a loss is not a finite number; the last checkpoint is kept.
        CannotResume: the checkpoint was made with other settings or other images.
    """
    training = _Training(pixels, settings, folder, trained_on)
    yield from training.begin()
    try:
        yield from training.epochs()
    except GeneratorExit:
        if (training.at.steps, training.at.is_told) != training.saved_at:
            training.save()
        raise
    return training.finish()


class _Training:
    def __init__(self, pixels: Pixels, settings: SynthesizeSettings, folder: Path, trained_on: Sequence[str]) -> None:
        self.pixels = pixels
        self.settings = settings
        self.folder = folder
        self.checksum = checksum(pixels)
        self.trained_on = list(trained_on)
        self.at = _Position()
        self.saved_at: tuple[int, bool] | None = None
        self.batch_starts = range(0, len(pixels), settings.batch_size)
        self.grid_noise = dcgan.noise(settings, GRID_ROWS * GRID_COLUMNS, Stream.GRID)
        self.spread_of_real = _spread(pixels)
        self.networks: Networks
        self.trainer: Trainer

    # -- starting and resuming -----------------------------------------------------------------------------

    def begin(self) -> Iterator[Event]:
        """Build the networks, or restore them from the checkpoint if there is one. A resumed training stays on its
        framework, because the other one rounds differently; it reports another device and other pixels."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            self._use(Networks(self.settings, choose_framework(self.settings.backend)))
            self._look_for_space()
            return
        arrays, header = load_checkpoint(path)
        try:
            before = SynthesizeSettings.model_validate(header["settings"])
            position = _Position(**header["position"])
        except (KeyError, TypeError, ValueError) as error:
            raise CannotResume(
                "The checkpoint cannot be read", file=path, remedy="Start a new run with the same settings."
            ) from error
        if not same_training(before, self.settings):
            raise CannotResume(
                "The checkpoint was made with other settings",
                file=path,
                remedy="Start a new run with the new settings.",
            )
        if header.get("trained_on") != self.trained_on:
            raise CannotResume(
                "The images of the class have changed since the run began",
                file=path,
                remedy="Undo the change to the dataset, or start a new run.",
            )
        self._use(Networks(self.settings, cast(Framework, header.get("framework", "tensorflow"))))
        self.networks.restore(arrays)
        yield from surroundings_changed(
            device=(header.get("device", ""), self._device()), pixels=(header.get("pixels", ""), self.checksum)
        )
        self.at = position
        self.saved_at = position.steps, position.is_told

    def _device(self) -> str:
        return device_of(self.networks.framework)

    def _use(self, networks: Networks) -> None:
        self.networks, self.trainer = networks, Trainer(networks)

    def _look_for_space(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # A new checkpoint is written beside the old one, and the generator at the end.
        size = sum(array.nbytes for array in self.networks.arrays().values())
        check_space(self.folder, 3 * size, "checkpoints of this generator")

    def save(self) -> None:
        header = {
            "settings": self.settings.model_dump(mode="json"),
            "trained_on": self.trained_on,
            "framework": self.networks.framework,
            "device": self._device(),
            "pixels": self.checksum,
            "position": asdict(self.at),
        }
        save_checkpoint(self.folder / CHECKPOINT, self.networks.arrays(), header)
        self.saved_at = self.at.steps, self.at.is_told

    # -- the epochs ----------------------------------------------------------------------------------------

    def epochs(self) -> Iterator[Event]:
        at, epochs = self.at, self.settings.epochs
        while at.epoch < epochs or not at.is_told:
            if at.is_told:
                at.end_epoch((yield from self._steps(at.epoch + 1)))
            last = at.epoch == epochs
            yield GanEpochEnded(at.epoch, epochs, at.g_loss, at.d_loss, at.d_real, at.d_fake, at.speed)
            yield from self._warn_of_sure_discriminator()
            if last or at.epoch % self.settings.sample_every == 0:
                yield from self._draw_samples(at.epoch)
            at.is_told = True
            if last or at.epoch % self.settings.checkpoint_every == 0:
                self.save()
                yield CheckpointSaved(at.epoch)

    def _steps(self, epoch: int) -> Generator[Event, None, float]:
        """Train the rest of one epoch. Returns images per second."""
        settings, at = self.settings, self.at
        total = settings.epochs * len(self.batch_starts)
        order = np.random.default_rng([settings.seed, Stream.SHUFFLE, epoch]).permutation(len(self.pixels))
        seconds, images, speed = 0.0, 0, 0.0
        while at.step < len(self.batch_starts):
            start = self.batch_starts[at.step]
            batch = self.pixels[order[start : start + settings.batch_size]]
            began = time.perf_counter()
            losses = self.trainer.step(batch, epoch, at.step)
            took = time.perf_counter() - began
            if not np.isfinite(losses).all():
                raise TrainingDiverged(
                    f"The losses of epoch {epoch} are no longer finite numbers",
                    remedy="Start a new run with a smaller learning rate. Earlier samples and runs are kept.",
                )
            at.add(losses, len(batch))
            at.seconds += took
            seconds, images = seconds + took, images + len(batch)
            speed = images / seconds
            yield Progress(at.steps, total, f"epoch {epoch} of {settings.epochs} · {speed:.0f} images/s")
        return speed

    def _draw_samples(self, epoch: int) -> Iterator[Event]:
        samples = self.networks.draw(self.grid_noise)
        path = self.folder / "samples" / f"epoch-{epoch:05d}.png"
        write_atomically(path, _grid(samples))
        yield SamplesDrawn(epoch, path.relative_to(self.folder).as_posix())
        yield from self._warn_of_collapse(epoch, samples)

    # -- warnings ------------------------------------------------------------------------------------------

    def _warn_of_sure_discriminator(self) -> Iterator[Event]:
        if self.at.sure_epochs == SURE_EPOCHS and self._first("discriminator"):
            yield Note(
                f"For {SURE_EPOCHS} epochs the discriminator has distinguished drawn from real images almost without "
                "error, so the generator learns little. If the samples do not get better, try a smaller learning rate.",
                "warning",
            )

    def _warn_of_collapse(self, epoch: int, samples: Pixels) -> Iterator[Event]:
        # In the first quarter of the training the samples are alike because they are all still grey.
        if (
            epoch >= self.settings.epochs / 4
            and _spread(samples) < ALIKE * self.spread_of_real
            and self._first("alike")
        ):
            yield Note(
                f"The samples of epoch {epoch} look alike (mode collapse): they vary by less than {ALIKE:.0%} of the "
                "variation of real images. If this persists, try another seed or a smaller learning rate.",
                "warning",
            )

    def _first(self, warning: str) -> bool:
        if warning in self.at.warned:
            return False
        self.at.warned.append(warning)
        return True

    # -- the end -------------------------------------------------------------------------------------------

    def finish(self) -> TrainedGenerator:
        at = self.at
        record = GeneratorRecord(
            folder=self.folder,
            class_name=self.settings.class_name,
            trained_on=frozenset(self.trained_on),
            settings=self.settings,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = record.network_file.with_name("aside.keras")  # Keras needs the suffix
        with space_is_needed(aside):
            self.networks.drawing_network().save(aside)
        aside.replace(record.network_file)
        save_discriminator(self.folder, self.networks)
        record.save()
        speeds.remember(speeds.gan_key(self.settings), at.seconds / (self.settings.epochs * len(self.pixels)))
        return TrainedGenerator(record, self.networks.framework, at.steps, at.seconds, at.g_loss, at.d_loss)


def _spread(pixels: Pixels) -> float:
    """Variation between images: the standard deviation over the images, averaged over all pixels."""
    return float(pixels.std(axis=0, dtype=np.float32).mean())


def _grid(samples: Pixels) -> bytes:
    """`GRID_ROWS` × `GRID_COLUMNS` images side by side, as PNG."""
    _, height, width, channels = samples.shape
    rows = samples.reshape(GRID_ROWS, GRID_COLUMNS, height, width, channels).transpose(0, 2, 1, 3, 4)
    return bare_png(Image.fromarray(rows.reshape(GRID_ROWS * height, GRID_COLUMNS * width, channels)))
