"""Folds come back from their file as they were made, and the file names nobody."""

import json
from pathlib import Path

import pytest

from busapp.engine.settings import ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import make_folds, select
from busapp.engine.study.stored_folds import check_folds, store_folds, stored_folds
from busapp.engine.study.workspace import Workspace
from busapp.errors import CannotResume


@pytest.mark.parametrize("protocol", ["published", "strict"])
@pytest.mark.parametrize("system", ["existing", "system1", "system2"])
def test_folds_come_back_as_they_were_made(phantom_study: Workspace, system: str, protocol: str) -> None:
    settings = ValidateSettings.model_validate({"system": system, "protocol": protocol, "folds": 4})
    selection = select(phantom_study, settings)
    folds, run = make_folds(selection, settings), phantom_study.new_run("validate", {})
    digest = store_folds(run, selection, folds)
    again, same = stored_folds(run, selection)
    assert same == digest
    assert len(again) == len(folds)
    for one, other in zip(folds, again, strict=True):
        assert (one.train.tolist(), one.test.tolist()) == (other.train.tolist(), other.test.tolist())
    check_folds(run, again, selection, settings)


def test_the_file_says_which_image_is_tested_where_but_no_file_name(phantom_study: Workspace) -> None:
    settings = ValidateSettings(folds=2)
    selection, run = select(phantom_study, settings), phantom_study.new_run("validate", {})
    store_folds(run, selection, make_folds(selection, settings))
    head, *rows = (run.folder / "folds.csv").read_text().splitlines()
    assert head == "image_id,sha256,class,group,fold"
    first = selection.records[0]
    assert rows[0].rpartition(",")[0] == f"{first.id},{first.sha256},{first.class_name},{first.group}"
    assert len(rows) == 24 and not any(record.file in row for record in selection.records for row in rows)


def test_folds_of_other_settings_are_refused(phantom_study: Workspace, tmp_path: Path) -> None:
    settings = ValidateSettings(folds=3)
    selection = select(phantom_study, settings)
    run = Run.create(tmp_path, "validate", json.loads(settings.model_dump_json()), "", "")
    for other in (settings.model_copy(update={"folds": 4}), settings.model_copy(update={"system": "existing"})):
        with pytest.raises(CannotResume, match="not those of its settings"):
            check_folds(run, make_folds(selection, settings), selection, other)
