"""The shipped model: small, described, and usable at the first start without a training framework."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busapp import paths
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.images.preprocessing import read_image
from busapp.engine.models.model import Model


@pytest.fixture(scope="module")
def model() -> Model:
    (file,) = sorted(paths.models_dir().glob("*.onnx"))
    return Model.load(file)


def test_it_is_small_strict_and_has_a_card_with_its_own_numbers(model: Model) -> None:
    assert model.path.stat().st_size < 10_000_000
    about, learned = model.description, model.provenance
    assert learned.protocol == "strict" and not any(learned.leaks.values()) and not model.cautions
    assert about.conformal is not None and about.novelty is not None and about.out_of_fold is not None
    card = model.path.with_suffix(".md").read_text(encoding="utf-8")
    measured = about.out_of_fold
    for number in (
        f"{100 * learned.accuracy:.1f} %",
        f"{learned.n_images}",
        f"{learned.n_groups}",
        f"{measured.ece:.3f}",
        f"{measured.n_answered} of {measured.n}",
    ):
        assert number in card, number
    assert "Research use only" in card
    assert measured.ece <= 0.05 and measured.n_novel <= 0.05 * measured.n


def test_a_first_start_diagnoses_with_it_and_loads_no_framework(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)).save(tmp_path / "noise.png")
    code = (
        "import sys; from pathlib import Path; from busapp import cli, paths\n"
        f"paths.user_data_dir = lambda: Path({str(tmp_path)!r})\n"
        f"code = cli.main(['diagnose', {str(tmp_path / 'noise.png')!r}])\n"
        "print(code, [name for name in ('torch', 'tensorflow', 'keras', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert "no answer" in done.stdout and "does not look like" in done.stdout


@pytest.mark.busi
def test_it_knows_busi_and_no_photographs(model: Model, busi_original: Path, idc_patches: Path) -> None:
    diagnoser = Diagnoser(model)
    scans = [path for path in sorted(busi_original.rglob("*.png")) if "_mask" not in path.name][::4]
    # At their original size, where the model learned from resized ones: none is taken for something else.
    assert not [path for path in scans if any("does not look" in r for r in diagnoser.diagnose(path).reasons)]
    patches = sorted(idc_patches.rglob("*.png"))[::60]
    assert all(diagnoser.diagnose(path).abstained for path in patches)
    import skimage

    for name in ("astronaut", "camera", "coffee", "moon"):
        said = diagnoser.diagnose(read_image(Path(skimage.__file__).parent / "data" / f"{name}.png"))
        assert said.abstained and "does not look like" in said.reasons[0], name
