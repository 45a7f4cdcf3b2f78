"""A study made from phantoms with every part of the program, in two to three minutes on two cores.

The classifier is a narrow network, trained from scratch on small pictures, because ImageNet weights may be missing. No
result is chosen to look good: the report shows the numbers as they are.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypedDict

from busapp.engine import jobs
from busapp.engine.events import Event, Finished, Job, Note, Progress, RunStarted
from busapp.engine.images.phantoms import each_phantom
from busapp.engine.progress import as_part
from busapp.engine.settings import (
    CurateSettings,
    DiagnoseSettings,
    ExportSettings,
    ImportSettings,
    JobSettings,
    SynthesizeSettings,
    ValidateSettings,
)
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import DESCRIPTION, Workspace
from busapp.errors import BadInput

NAME: Final = "Demo study (phantoms)"
_PARTS: Final = 1000
"""Equal parts of work that the demo's progress counts."""


@dataclass(frozen=True)
class DemoPlan:
    """The size of the demo. Only the rarest class lacks images, so that only it needs generators."""

    counts: Mapping[str, int] = field(default_factory=lambda: {"benign": 54, "malignant": 30, "normal": 54})
    rarest: str = "malignant"
    phantom_size: int = 128
    image_size: int = 96
    width: float = 0.35
    folds: int = 3
    epochs: int = 18
    generator_epochs: int = 120
    fold_generator_epochs: int = 60
    """Epochs of the generators that `system2` trains, one for each fold."""
    seed: int = 7

    def validation(self, system: str) -> ValidateSettings:
        """Settings of a validation from scratch. Training has few steps, so that batches are small and steps large."""
        return ValidateSettings.model_validate(
            {
                "system": system,
                "protocol": "strict",
                "folds": self.folds,
                "epochs": self.epochs,
                "batch_size": 8,
                "learning_rate": 2e-3,
                "image_size": self.image_size,
                "width": self.width,
                "pretrained": False,
                "generator_epochs": self.fold_generator_epochs,
                "seed": self.seed,
            }
        )

    @property
    def synthesis(self) -> SynthesizeSettings:
        """Settings of the generator that fills up the rarest class."""
        return SynthesizeSettings.model_validate(
            {"class_name": self.rarest, "epochs": self.generator_epochs, "seed": self.seed}
        )


class DemoResult(TypedDict):
    """Paths of the study, the report and the model; the diagnosis of a new phantom; the accuracy by system."""

    workspace: str
    report: str
    model: str
    diagnosis: dict[str, Any]
    accuracy: dict[str, float]


def run_demo(out: Path, plan: DemoPlan | None = None) -> Job:
    """Make the demo study in `out`: `phantoms/`, `study/` (the workspace), `report.html`, and the diagnosis of a new
    phantom. On the folder of a stopped demo, it continues where that stopped.

    The result is a `DemoResult`.

    Raises:
        BadInput: the folder holds other things.
        UserError: a job raised it.
    """
    plan = plan or DemoPlan()
    out = out.expanduser().resolve()
    with _open(out) as workspace:
        result = yield from _Demo(out, workspace, plan).all_parts()
    yield Progress(_PARTS, _PARTS, "done")
    yield Finished({**result})


def _open(out: Path) -> Workspace:
    root = out / "study"
    if out.exists() and not (root / DESCRIPTION).exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(
            "The folder is not empty and does not hold an earlier demo",
            file=out,
            remedy="Choose an empty or a new folder with --out.",
        )
    workspace = Workspace.create(root, name=NAME, phantoms=True)
    if not workspace.phantoms:
        workspace.close()
        raise BadInput("The folder holds a study that is no demo", file=out, remedy="Choose another with --out.")
    return workspace


@dataclass
class _Demo:
    """The parts of the demo in order, and their progress. Shares of the time were measured on two cores."""

    out: Path
    workspace: Workspace
    plan: DemoPlan
    done: int = 0

    def all_parts(self) -> Generator[Event, None, DemoResult]:
        yield Note("All images of this study are simulated phantoms: they show no patient.")
        sources = ImportSettings(sources=(self.out / "phantoms",))
        if self._finished(sources) is None:
            yield from self._draw_phantoms(55)
        yield from self._job(sources, 5, "import")
        yield from self._job(CurateSettings(), 10, "curation")
        yield from self._job(self.plan.synthesis, 165, "DCGAN")
        system1 = yield from self._job(self.plan.validation("system1"), 220, "without synthetic images")
        system2 = yield from self._job(self.plan.validation("system2"), 385, "with synthetic images")
        exported = yield from self._job(ExportSettings(run=system1.id), 150, "model")
        model = Path(_result(exported)["model"])
        case = self._new_case()
        settings = DiagnoseSettings(
            images=(case,), model=model, pdf=self.out / "diagnosis.pdf", heatmaps=self.out / "heatmaps"
        )
        diagnosed = yield from self._job(settings, 10, "diagnosis")
        yield Progress(self.done, _PARTS, "report")
        from busapp.engine.report import write_report  # draws with matplotlib

        report = write_report(self.workspace, self.out / "report.html", diagnosis_images=[case], model=model)
        return {
            "workspace": str(self.workspace.root),
            "report": str(report),
            "model": str(model),
            "diagnosis": _result(diagnosed)["images"][0],
            "accuracy": {run.info.settings["system"]: _result(run)["accuracy"] for run in (system1, system2)},
        }

    def _draw_phantoms(self, share: int) -> Job:
        total = sum(self.plan.counts.values())
        drawn = each_phantom(self.out / "phantoms", self.plan.counts, self.plan.phantom_size, self.plan.seed)
        for number, _ in enumerate(drawn, start=1):
            yield Progress(self.done + share * number // total, _PARTS, f"phantom {number} of {total}")
        self.done += share

    def _new_case(self) -> Path:
        """A phantom of the rarest class that is not in the study."""
        folder = self.out / "new case"
        (case,) = each_phantom(folder, {self.plan.rarest: 1}, self.plan.phantom_size, self.plan.seed + 1)
        return case

    def _job(self, settings: JobSettings, share: int, title: str) -> Generator[Event, None, Run]:
        """Start or resume the job, or use its finished run. Its progress becomes this share of the demo's."""
        begun = self._begun(settings)
        if begun is None or begun.info.state != "finished":
            job = jobs.resume(self.workspace, begun.id) if begun else jobs.start(self.workspace, settings)
            for event in as_part(job, title, self.done, share, _PARTS):
                if not isinstance(event, RunStarted):
                    yield event
        self.done += share
        finished = self._finished(settings)
        assert finished is not None
        return finished

    def _begun(self, settings: JobSettings) -> Run | None:
        """The newest run with these settings that is finished or can be resumed."""
        wanted = settings.kept()
        for run in self.workspace.runs(settings.kind):
            if run.info.settings == wanted and (run.info.state == "finished" or run.can_resume):
                return run
        return None

    def _finished(self, settings: JobSettings) -> Run | None:
        run = self._begun(settings)
        return run if run and run.info.state == "finished" else None


def _result(run: Run) -> dict[str, Any]:
    return run.result() or {}
