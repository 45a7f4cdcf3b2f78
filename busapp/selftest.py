"""`busapp selftest`: one tiny step of each kind, to find the broken part of an installation or bundle.

The module stands beside the command line, above the engine and the window, because it tries both.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from busapp import paths
from busapp.engine import jobs
from busapp.engine.events import Finished
from busapp.engine.settings import (
    CurateSettings,
    DiagnoseSettings,
    ExportSettings,
    Framework,
    ImportSettings,
    JobSettings,
    ShareSettings,
    SynthesizeSettings,
    ValidateSettings,
)
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError

log = logging.getLogger(__name__)

_NEEDED = ("report.html", "checklists.json", "icons/busapp.svg", "fonts/DroidSansFallback.ttf")


@dataclass(frozen=True, slots=True)
class Check:
    """The name of a check, whether it passed, and its outcome in words."""

    name: str
    ok: bool
    details: str


def run_checks() -> Iterator[Check]:
    """Run all checks in a temporary study. A failed check does not stop the others."""
    with (
        tempfile.TemporaryDirectory(prefix="busapp-selftest-", ignore_cleanup_errors=True) as folder,
        closing(_Steps(Path(folder))) as steps,
    ):
        for name, step in (
            ("resources", _resources),
            ("images and catalog", steps.images),
            ("DICOM (JPEG-LS)", steps.dicom),
            ("file of arrays (HDF5)", steps.arrays),
            ("export of the images", steps.share),
            ("DCGAN (Keras on TensorFlow)", lambda: steps.generator("tensorflow")),
            ("DCGAN (Keras on torch)", lambda: steps.generator("torch")),
            ("classifier (PyTorch)", steps.classifier),
            ("model file (ONNX)", steps.model),
            ("model files for phones (TensorFlow Lite)", steps.phone),
            ("diagnosis (ONNX Runtime)", steps.diagnosis),
            ("report", steps.report),
            ("window (Qt)", steps.window),
        ):
            yield _check(name, step)


def _check(name: str, step: Callable[[], str]) -> Check:
    try:
        return Check(name, True, step())
    except UserError as error:
        return Check(name, False, str(error))
    except Exception as error:  # a broken part is a failed check, not a crash
        log.exception("self-test: %s", name)
        return Check(name, False, f"{type(error).__name__}: {error}")


def _resources() -> str:
    missing = [name for name in _NEEDED if not (paths.resources_dir() / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{paths.resources_dir()} has no {', '.join(missing)}")
    return str(paths.resources_dir())


class _Steps:
    """The checks. Each uses the results of the ones before it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workspace = Workspace.create(folder / "study", name="Self-test (phantoms)", phantoms=True)

    def close(self) -> None:
        self._workspace.close()

    def _run(self, settings: JobSettings) -> dict[str, object]:
        result: dict[str, object] = {}
        for event in jobs.start(self._workspace, settings):
            if isinstance(event, Finished):
                result = event.result
        return result

    def images(self) -> str:
        from busapp.engine.images.phantoms import write_phantoms

        folder = self._folder / "phantoms"
        write_phantoms(folder, {"benign": 8, "malignant": 8, "normal": 8}, size=32, seed=0)
        imported = self._run(ImportSettings(sources=(folder,)))["imported"]
        groups = self._run(CurateSettings())["n_groups"]
        return f"{imported} phantoms in {groups} groups"

    def dicom(self) -> str:
        import numpy as np
        from pydicom import Dataset, FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, UltrasoundImageStorage, generate_uid

        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.SOPClassUID, made.SOPInstanceUID = UltrasoundImageStorage, generate_uid()
        made.Modality, made.PatientID = "US", "self-test"
        made.set_pixel_data(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64), "MONOCHROME2", 8)
        made.compress(JPEGLSLossless)
        made.save_as(self._folder / "made.dcm", enforce_file_format=True)
        result = self._run(ImportSettings(sources=(self._folder / "made.dcm",), class_name="normal"))
        return f"{result['imported']} image of {result['patients']} patient"

    def arrays(self) -> str:
        import h5py
        import numpy as np

        from busapp.engine.imports.arrays.hdf5_process import Hdf5Process

        path, values = self._folder / "arrays.h5", np.arange(2 * 16 * 16, dtype=np.uint8).reshape(2, 16, 16)
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=values, compression="gzip", shuffle=True)
        with closing(Hdf5Process(path.name)) as reader:
            array = reader.open(path, ["x"])
            if array is None or not np.array_equal(reader.rows(0, 2, array.shape[1:]), values):
                raise ValueError("the pictures that were read are not those that were written")
        return "2 pictures, read in another process"

    def share(self) -> str:
        result = self._run(ShareSettings(out=self._folder / "images.zip", format="zip"))
        return f"{result['images']} images in a ZIP"

    def generator(self, framework: Framework) -> str:
        given = {"class_name": "malignant", "epochs": 1, "count": 1, "image_size": 16, "batch_size": 8}
        result = self._run(SynthesizeSettings.model_validate({**given, "backend": framework}))
        return f"1 epoch, {result['images']} image drawn"

    def classifier(self) -> str:
        settings = ValidateSettings(
            system="existing", epochs=1, batch_size=8, image_size=32, width=0.25, pretrained=False, equalise=True
        )
        return f"1 epoch on {self._run(settings)['n_images']} images"

    def model(self) -> str:
        return self._exported("onnx")

    def phone(self) -> str:
        return self._exported("tflite")

    def _exported(self, file_format: Literal["onnx", "tflite"]) -> str:
        result = self._run(ExportSettings(run=self._workspace.runs("validate")[0].id, format=file_format))
        agreement = result["agreement"]
        assert isinstance(agreement, list)
        first = agreement[0]
        return f"{first['file']} gives the class of its network on {first['same_class']} of {first['n_images']} images"

    def diagnosis(self) -> str:
        image = next((self._folder / "phantoms").rglob("*).png"))
        settings = DiagnoseSettings(images=(image,), pdf=self._folder / "page.pdf", heatmaps=self._folder / "maps")
        images = self._run(settings)["images"]
        assert isinstance(images, list)
        return f"{images[0]['milliseconds']:.1f} ms"

    def report(self) -> str:
        from busapp.engine.report import write_report

        written = [write_report(self._workspace, self._folder / f"report.{kind}") for kind in ("html", "pdf")]
        return ", ".join(f"{path.suffix[1:].upper()} {path.stat().st_size // 1000} kB" for path in written)

    def window(self) -> str:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from PySide6.QtGui import QGuiApplication
        from PySide6.QtWidgets import QApplication

        from busapp.gui.main_window import MainWindow

        app = QApplication.instance() or QApplication(["busapp"])
        window = MainWindow()
        drawn = window.grab()  # neither shown nor closed, which would remember its size for the user
        app.processEvents()
        return f"{drawn.width()}×{drawn.height()} pixels, {QGuiApplication.platformName()}"
