"""The bar at the bottom of the window: the running job, its progress and time left, and how the last job ended."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from busapp.engine import speeds
from busapp.engine.events import CheckpointSaved, Event, Note, Progress, Skipped
from busapp.engine.utils.words import many
from busapp.gui.jobs.job_queue import JobQueue, QueuedJob
from busapp.gui.jobs.job_thread import JobOutcome
from busapp.gui.theme import SPACE
from busapp.gui.widgets.message_strip import MessageStrip
from busapp.summaries import headline

_ASKS_FROM = 60.0
"""Seconds of work. If a cancel would lose more, the bar asks first."""


class TimeLeft:
    """Estimates the time left of a job from its speed in the last minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(maxlen=600)
        self._total = 0

    def forget(self) -> None:
        """Forget the speed so far, because it does not predict the rest: after a pause, or before other work."""
        self._seen.clear()

    def seconds(self, done: int, total: int) -> float | None:
        """Return the seconds left; None while there is too little data."""
        now = self._clock()
        if total != self._total or (self._seen and done < self._seen[-1][1]):
            self.forget()
            self._total = total
        if not self._seen or done > self._seen[-1][1]:
            self._seen.append((now, done))
        since, done_then = self._seen[0]
        if done <= done_then or now - since < 1:
            return None
        return (total - done) * (now - since) / (done - done_then)


class JobBar(QWidget):
    """Shows the running job of the queue, and how the last ones ended. Hidden when there is nothing to show.

    Signals:
        result_requested: the `QueuedJob` whose result the user wants to see.
    """

    result_requested = Signal(object)

    def __init__(
        self, queue: JobQueue, parent: QWidget | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self._queue = queue
        self._clock = clock
        self._time_left = TimeLeft(clock)
        self._kept_until = 0.0
        self._has_checkpoint = False
        self._asides: list[str] = []
        self._follows_another = False
        self._open_study: Path | None = None
        self.strip = MessageStrip()
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.progress = QProgressBar()
        self.progress.setFixedWidth(200)
        self.progress.setAccessibleName("Progress of the job")
        self.what = QLabel()
        self.what.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.left = QLabel()
        self.left.setProperty("role", "muted")
        self.pause_button = QPushButton("Pause")
        self.pause_button.clicked.connect(self._pause_or_resume)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self.ask_and_cancel)
        self.queue_button = QPushButton()
        self.queue_button.clicked.connect(self.show_queue)

        self._working = QWidget()
        row = QHBoxLayout(self._working)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self.title)
        row.addWidget(self.progress)
        row.addWidget(self.what, 1)
        for widget in (self.left, self.queue_button, self.pause_button, self.cancel_button):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        column.setSpacing(SPACE // 2)
        column.addWidget(self._working)
        column.addWidget(self.strip)
        self._working.hide()
        self.setAccessibleName("Jobs")

        queue.started.connect(self._on_started)
        queue.event_arrived.connect(self._on_event)
        queue.ended.connect(self._on_ended)
        queue.queue_changed.connect(self._on_queue)
        queue.paused_changed.connect(self._on_paused)
        self._on_queue()

    def open_study(self, root: Path) -> None:
        """Note which study is open now. Jobs of other studies are shown with the name of their study."""
        self._open_study = root
        if self._queue.current is not None:
            self._show_title(self._queue.current)

    def _title_of(self, job: QueuedJob) -> str:
        if job.study is None or job.study == self._open_study:
            return job.title
        return f"{job.title} in “{job.study.name}”"

    def _show_title(self, job: QueuedJob) -> None:
        title = self._title_of(job)
        self.title.setText(title)
        self.title.setToolTip(str(job.study) if title != job.title else "")

    # -- what arrives --------------------------------------------------------------------------------------

    def _on_started(self, job: QueuedJob) -> None:
        self._time_left.forget()
        self._kept_until = self._clock()
        self._has_checkpoint = False
        self._asides = []
        if not self._follows_another:
            self.strip.remove_infos()
        self._show_title(job)
        self.what.setText("starting …")
        self.what.setToolTip("")
        self.left.setText("")
        self.progress.setRange(0, 0)
        self.cancel_button.setEnabled(True)
        self._on_paused(False)
        self._working.show()

    def _on_event(self, job: QueuedJob, event: Event) -> None:
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, CheckpointSaved):
            self._kept_until = self._clock()
            self._has_checkpoint = True
        elif isinstance(event, Skipped):
            self._asides.append(f"Skipped {event.file}: {event.reason}")
        elif isinstance(event, Note):
            self._asides.append(event.text)

    def _show_progress(self, event: Progress) -> None:
        # A progress bar counts in 32 bits; the numbers of a job can be larger.
        self.progress.setRange(0, 1000 if event.total else 0)
        if event.total:
            self.progress.setValue(round(1000 * event.done / event.total))
        self.what.setText(event.what)
        self.what.setToolTip(event.what)
        seconds = self._time_left.seconds(event.done, event.total) if event.total else None
        self.left.setText("" if seconds is None else f"{speeds.in_words(seconds)} left")

    def _on_ended(self, job: QueuedJob, outcome: JobOutcome) -> None:
        self._working.hide()
        self._follows_another = bool(self._queue.waiting)
        title = self._title_of(job)
        if outcome.state == "failed":
            self.strip.add(f"{title} failed. {outcome.error}", outcome.details)
        elif outcome.state == "cancelled":
            kept = " The dataset is as it was before." if job.kind in ("import", "curate") else ""
            kept = " It can be resumed." if self._has_checkpoint else kept
            self.strip.add(f"{title} was cancelled.{kept}", level="info")
        else:
            skipped = sum(line.startswith("Skipped") for line in self._asides)
            sentence = f"{title}: {headline(job.kind, outcome.result)}"
            if skipped and "skipped" not in sentence:
                sentence += f" {many(skipped, 'file')} skipped: see the details."
            self.strip.add(
                sentence,
                "\n".join(self._asides),
                level="warning" if skipped else "info",
                action="Show" if job.has_result else "",
                on_action=lambda: self.result_requested.emit(job),
            )

    def _on_queue(self) -> None:
        waiting = len(self._queue.waiting)
        self.queue_button.setText(f"{waiting} waiting")
        self.queue_button.setVisible(waiting > 0)

    def _on_paused(self, is_paused: bool) -> None:
        self._time_left.forget()
        self.pause_button.setText("Resume" if is_paused else "Pause")
        if is_paused:
            self.left.setText("paused")

    # -- what the user asks for ----------------------------------------------------------------------------

    def _pause_or_resume(self) -> None:
        if self._queue.is_paused:
            self.left.setText("")
            self._queue.resume_current()
        else:
            self._queue.pause()

    @property
    def seconds_to_lose(self) -> float:
        """Seconds of work of the running job that a cancel would lose."""
        return self._clock() - self._kept_until

    def what_is_kept(self) -> str:
        """Describe what a cancel now would lose and keep."""
        lost = speeds.in_words(self.seconds_to_lose)
        if self._has_checkpoint:
            return f"The work since the last checkpoint ({lost}) is lost. You can resume the run from there later."
        return f"There is no checkpoint yet: {lost} of work is lost. The images and runs of the study stay as they are."

    def ask_and_cancel(self) -> None:
        """Cancel the running job. Asks first if more than a minute of work would be lost."""
        job = self._queue.current
        if job is None:
            return
        if self.seconds_to_lose > _ASKS_FROM:
            answer = QMessageBox.question(self, f"Cancel “{job.title}”?", self.what_is_kept())
            if answer != QMessageBox.StandardButton.Yes or self._queue.current is not job:
                return
        self.cancel()

    def cancel(self) -> None:
        """Cancel the running job without asking, and show that it is stopping."""
        self.cancel_button.setEnabled(False)
        self.what.setText("stopping after this step …")
        self._queue.cancel()

    def show_queue(self) -> None:
        """Open the list of waiting jobs."""
        dialog = QueueDialog(self._queue, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


class QueueDialog(QDialog):
    """The list of waiting jobs, which can be moved and removed."""

    def __init__(self, queue: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self.setWindowTitle("Waiting jobs")
        self.list = QListWidget()
        self.list.setAccessibleName("Waiting jobs, the next one first")
        self.list.currentRowChanged.connect(self._on_selection)
        self.up_button = self._button("Move up", lambda: self._move(-1))
        self.down_button = self._button("Move down", lambda: self._move(1))
        self.remove_button = self._button("Remove", lambda: self._queue.remove(self._selected()))
        buttons = QVBoxLayout()
        for button in (self.up_button, self.down_button, self.remove_button):
            buttons.addWidget(button)
        buttons.addStretch()
        row = QHBoxLayout()
        row.addWidget(self.list, 1)
        row.addLayout(buttons)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(close)
        queue.queue_changed.connect(self._refresh)
        self._refresh()
        self.resize(420, 240)

    def _button(self, text: str, slot: Callable[[], Any]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(slot)
        return button

    def _selected(self) -> QueuedJob:
        job: QueuedJob = self.list.currentItem().data(Qt.ItemDataRole.UserRole)
        return job

    def _move(self, places: int) -> None:
        self._queue.move(self._selected(), places)

    def _refresh(self) -> None:
        item = self.list.currentItem()
        chosen = item.data(Qt.ItemDataRole.UserRole) if item else None
        self.list.clear()
        for job in self._queue.waiting:
            item = QListWidgetItem(job.title)
            item.setData(Qt.ItemDataRole.UserRole, job)
            self.list.addItem(item)
            if job is chosen:
                self.list.setCurrentItem(item)
        if self.list.currentItem() is None and self.list.count():
            self.list.setCurrentRow(0)
        self._on_selection(self.list.currentRow())

    def _on_selection(self, row: int) -> None:
        self.up_button.setEnabled(row > 0)
        self.down_button.setEnabled(0 <= row < self.list.count() - 1)
        self.remove_button.setEnabled(row >= 0)
