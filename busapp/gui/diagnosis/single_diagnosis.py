"""One image, its heat map and the model's answer; diagnosed again for another frame, crop or model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PIL import Image
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QSplitter, QWidget

from busapp.engine.diagnosis.diagnosis import Diagnoser, Diagnosis
from busapp.engine.events import Event, Job
from busapp.engine.images.marks import Box
from busapp.engine.images.pictures import Picture, open_picture
from busapp.engine.models.model import Model
from busapp.engine.study.workspace import Workspace
from busapp.gui.diagnosis.diagnosis_panel import DiagnosisPanel
from busapp.gui.images.heat_map_view import HeatMapView
from busapp.gui.images.image_canvas import to_qimage
from busapp.gui.jobs.job_thread import JobOutcome, JobThread
from busapp.gui.widgets.panels import SIDE_WIDTH, scrolling

PASTED: Final = "pasted image"


@dataclass(frozen=True, slots=True)
class Pasted:
    """An image from the clipboard, as PNG bytes."""

    content: bytes


@dataclass(frozen=True, slots=True)
class DiagnosisRequest:
    """One image to diagnose with one model. `frame` counts from 1; None is the middle frame of a loop. `crop` is in the
    pixels of the whole frame; None: no crop."""

    model: Path
    source: Path | Pasted
    frame: int | None = None
    crop: Box | None = None


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """The answer to a request. `image` is the model's input: frame `frame` of `picture`, cropped as requested. `drawn`
    is the same image for the screen."""

    request: DiagnosisRequest
    model: Model
    picture: Picture
    frame: int
    image: Image.Image
    drawn: QImage
    diagnosis: Diagnosis

    @property
    def is_the_file(self) -> bool:
        """True if diagnosing the file alone gives the same answer: no crop, and the middle frame."""
        request = self.request
        return isinstance(request.source, Path) and request.crop is None and self.frame == self.picture.middle

    @property
    def name(self) -> str:
        """Name of the diagnosed image, with its frame and crop."""
        parts = [_name(self.request.source)]
        if self.picture.frames > 1:
            parts.append(f"frame {self.frame} of {self.picture.frames}")
        if self.request.crop is not None:
            parts.append("cropped")
        return ", ".join(parts)


def _name(source: Path | Pasted) -> str:
    return PASTED if isinstance(source, Pasted) else source.name


def _answer(request: DiagnosisRequest, model: Model | None, picture: Picture | None) -> Job:
    """Diagnose a single image, as a job. `model` and `picture` may be open already from the request before."""
    model = model or Model.load(request.model)
    source, name = request.source, _name(request.source)
    if picture is None:
        picture = open_picture(source.content if isinstance(source, Pasted) else source, name)
    frame = request.frame or picture.middle
    seen = picture.seen(frame)
    if request.crop is not None:
        seen = replace(seen, picture=seen.picture.crop(request.crop))
    image = seen.picture
    file = name if isinstance(source, Pasted) else str(source)
    diagnosis = Diagnoser(model).diagnose(seen, file)
    yield Answered(request, model, picture, frame, image, to_qimage(image), diagnosis)


class SingleDiagnosis(QSplitter):
    """The image on the left, the answer on the right. A thread computes the answers. Of requests that come while it is
    busy, only the newest is answered.

    Signals:
        answered: an image is shown with its answer (`Answered`).
        problem: a sentence, and the details if it is a defect.
    """

    answered = Signal(object)
    problem = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.shown: Answered | None = None
        self._thread: JobThread | None = None
        self._asked: DiagnosisRequest | None = None
        self._waiting: DiagnosisRequest | None = None
        self.view = HeatMapView()
        self.view.frame_wanted.connect(self._ask_frame)
        self.view.crop_drawn.connect(self._ask_crop)
        self.view.whole_wanted.connect(self._ask_whole)
        self.result = DiagnosisPanel()
        self.result.evidence_changed.connect(self._show_evidence)
        self.setObjectName("diagnosis-panels")
        self.addWidget(self.view)
        self.addWidget(scrolling(self.result))
        self.setStretchFactor(0, 1)
        self.setSizes([10_000, SIDE_WIDTH])
        self.setChildrenCollapsible(False)

    def open_study(self, workspace: Workspace) -> None:
        """Forget the image."""
        self.shown = self._asked = self._waiting = None
        self.result.open_study(workspace)

    # -- requests ------------------------------------------------------------------------------------------

    def ask(self, model: Path, source: Path | Pasted) -> None:
        """Diagnose an image, or the middle frame of a loop."""
        self._ask(DiagnosisRequest(model, source))

    def ask_again(self, model: Path) -> None:
        """Diagnose the image that is shown, or the one requested last, with another model."""
        if self._asked is not None:
            self._ask(replace(self._asked, model=model))

    def _newest_of_shown(self) -> DiagnosisRequest | None:
        """Return the newest request for the file that is shown, answered or not."""
        shown = self.shown.request if self.shown is not None else None
        is_newer = shown is not None and self._asked is not None and self._asked.source is shown.source
        return self._asked if is_newer else shown

    def _ask_frame(self, frame: int) -> None:
        if (asked := self._newest_of_shown()) is not None:
            self._ask(replace(asked, frame=frame))

    def _ask_whole(self) -> None:
        if (asked := self._newest_of_shown()) is not None:
            self._ask(replace(asked, crop=None))

    def _ask_crop(self, drawn: Box) -> None:
        """Diagnose a part. `drawn` is in the pixels of the shown image, which may be cropped already."""
        asked = self._newest_of_shown()
        if asked is None or self.shown is None:
            return
        left, top, *_ = self.shown.request.crop or (0, 0)
        self._ask(replace(asked, crop=(drawn[0] + left, drawn[1] + top, drawn[2] + left, drawn[3] + top)))

    def _ask(self, request: DiagnosisRequest) -> None:
        self._asked = request
        if self._thread is not None:
            self._waiting = request  # replaces an older one that waits
            return
        shown = self.shown
        model = shown.model if shown and shown.request.model == request.model else None
        picture = shown.picture if shown and shown.request.source is request.source else None
        self._thread = JobThread(lambda: _answer(request, model, picture))
        self._thread.event_arrived.connect(self._show_answer)
        self._thread.ended.connect(self._on_answered)
        self._thread.start()

    # -- answers -------------------------------------------------------------------------------------------

    def _show_answer(self, event: Answered) -> None:
        before, self.shown = self.shown, event
        is_same = before is not None and before.picture is event.picture
        is_cropped = event.request.crop is not None
        preparing = event.model.description.preprocessing
        self.view.set_image(event.image, event.drawn, preparing, is_cropped=is_cropped, is_same=is_same)
        self.view.set_heat_map(event.diagnosis.heat_map)
        if self._waiting is None:  # while the slider is dragged, it is ahead of the answer
            self.view.frames.show_frame(event.frame, event.picture.frames)
        self.result.show_diagnosis(event.diagnosis, event.model, event.name)
        self.answered.emit(event)

    def _show_evidence(self, class_name: str) -> None:
        if self.shown is not None:
            self.view.set_heat_map(self.shown.diagnosis.heat_maps[class_name])

    def _on_answered(self, outcome: JobOutcome) -> None:
        self._join_thread()
        waiting, self._waiting = self._waiting, None
        if outcome.state == "failed":
            if waiting is None:
                self._go_back()
            self.problem.emit(outcome.error, outcome.details)
        if waiting is not None:
            self._ask(waiting)

    def _go_back(self) -> None:
        """Forget a request that failed: the shown image is the newest again."""
        shown = self.shown
        self._asked = shown.request if shown is not None else None
        if shown is not None:
            self.view.frames.show_frame(shown.frame, shown.picture.frames)

    def _join_thread(self) -> None:
        if self._thread is not None:
            self._thread.wait()
            self._thread = None

    def shut_down(self) -> None:
        """Wait for the image that is being diagnosed, which takes less than a second."""
        self._waiting = None
        if self._thread is not None:
            self._thread.cancel()
        self._join_thread()
        self.result.similar.stop()
