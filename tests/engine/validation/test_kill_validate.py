"""A short version of `tests/helpers/kill_validate.py`."""

import os
import random
from pathlib import Path

import pytest
from kill_validate import kill_and_resume, make_study, settings_named, undisturbed


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_a_killed_run_ends_as_one_that_was_left_alone(tmp_path: Path) -> None:
    settings = settings_named("careful").model_copy(update={"folds": 2, "epochs": 2})
    make_study(tmp_path / "study").close()
    whole = undisturbed(tmp_path / "study", settings)
    outcome = kill_and_resume(tmp_path, settings, whole, random.Random(), kills=1)
    assert outcome.findings == []
