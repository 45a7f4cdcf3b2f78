import os
import stat
import sys
from pathlib import Path

import pytest

from busapp.engine.study.patients import DamagedPatientKey, made_with_another_key, pseudonym


def test_a_patient_has_the_same_pseudonym_however_the_number_is_written() -> None:
    first = pseudonym("Doe  Jane-4711")
    assert first == pseudonym(" doe jane-4711 ")
    assert first != pseudonym("doe jane-4712")
    key, _, patient = first.partition(":")
    assert len(key) == 6
    assert len(patient) == 20
    assert int(key + patient, 16) >= 0  # hexadecimal digits only


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    assert not (tmp_path / "patients.key").exists()
    pseudonym("4711")
    key = (tmp_path / "patients.key").read_bytes()
    pseudonym("4712")
    assert (tmp_path / "patients.key").read_bytes() == key
    assert len(key) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["patients.key"]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "patients.key").stat().st_mode) == 0o600


def test_another_key_gives_other_pseudonyms_and_is_noticed(tmp_path: Path) -> None:
    here = pseudonym("4711")
    (tmp_path / "patients.key").rename(tmp_path / "another.key")
    elsewhere = pseudonym("4711")
    assert here.partition(":")[0] != elsewhere.partition(":")[0]
    assert here.partition(":")[2] != elsewhere.partition(":")[2]
    assert made_with_another_key([elsewhere, here])
    assert not made_with_another_key([elsewhere, pseudonym("4712")])
    assert not made_with_another_key([])


def test_the_name_of_the_key_does_not_give_the_key_away(tmp_path: Path) -> None:
    name = pseudonym("4711").partition(":")[0]
    assert name not in (tmp_path / "patients.key").read_bytes().hex()


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "patients.key").write_bytes(content)
    with pytest.raises(DamagedPatientKey, match="damaged") as caught:
        pseudonym("4711")
    assert caught.value.remedy
    with pytest.raises(DamagedPatientKey):
        made_with_another_key(["abcdef:0123"])
    assert (tmp_path / "patients.key").read_bytes() == content


def test_a_key_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "patients.key").mkdir()
    with pytest.raises(DamagedPatientKey, match="cannot be read"):
        pseudonym("4711")


def test_two_processes_that_begin_at_once_agree_on_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = bytes(range(32))
    real_fsync = os.fsync

    def the_other_is_faster(descriptor: int) -> None:
        real_fsync(descriptor)
        (tmp_path / "patients.key").write_bytes(others)

    with monkeypatch.context() as patch:
        patch.setattr("busapp.engine.study.patients.os.fsync", the_other_is_faster)
        ours = pseudonym("4711")
    assert (tmp_path / "patients.key").read_bytes() == others
    assert ours == pseudonym("4711")
