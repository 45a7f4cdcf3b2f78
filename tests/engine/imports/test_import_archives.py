"""ZIP archives: members are imported without unpacking, no path leads out, and bombs are refused before reading."""

import io
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from PIL import Image

from busapp.engine import jobs
from busapp.engine.events import Finished
from busapp.engine.imports.files import archives
from busapp.engine.imports.found import ClassUnknown
from busapp.engine.imports.preview import preview
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def png(seed: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 20), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def zipped(path: Path, members: dict[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def imported(workspace: Workspace, *sources: Path, class_name: str | None = None) -> dict:
    settings = ImportSettings(sources=sources, class_name=class_name)
    seen = preview(settings, workspace.catalog.known())
    *_, last = jobs.start(workspace, settings)
    assert isinstance(last, Finished) and seen is not None
    names = [left.file for left in seen.skipped]
    assert names == [left["file"] for left in last.result["skipped"]][: len(names)]
    return last.result


def reasons(result: dict) -> dict[str, str]:
    return {left["file"]: left["reason"] for left in result["skipped"]}


def test_busi_as_downloaded_comes_in_out_of_its_archive(
    empty_study: Workspace, busi_original: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in busi_original.rglob("*.png"):
            archive.write(path, Path("Dataset_BUSI_with_GT") / path.relative_to(busi_original))
    result = imported(empty_study, tmp_path / "archive.zip")
    assert (result["imported"], result["masks"], result["skipped"]) == (59, 60, [])
    from_archive = [(i.file, i.sha256, i.class_name, i.mask) for i in empty_study.catalog.images()]
    assert {image.source for image in empty_study.catalog.images()} == {"archive.zip"}
    assert imported(empty_study, busi_original)["already_present"] == 59
    assert [(i.file, i.sha256, i.class_name, i.mask) for i in empty_study.catalog.images()] == from_archive


def test_what_leads_out_or_cannot_be_trusted_is_skipped_and_the_rest_comes(
    empty_study: Workspace, tmp_path: Path
) -> None:
    link = zipfile.ZipInfo("benign/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    folder = zipfile.ZipInfo("benign/")
    source = zipped(
        tmp_path / "a.zip",
        {
            folder: b"",
            "benign/good.png": png(),
            "../outside.png": png(1),
            "benign/../../outside.png": png(1),
            "/etc/passwd.png": png(1),
            "C:/benign/drive.png": png(1),
            "C:drive.png": png(1),
            "benign\\..\\..\\back.png": png(1),
            link: b"/etc/passwd",
            "benign/inner.zip": b"PK",
            "benign//empty.png": png(1),
            "benign/bell\x07.png": png(1),
            "benign/notes.txt": b"hello",
            "__MACOSX/benign/._good.png": b"clutter",
            ".git/config": b"clutter",
            "benign/Thumbs.db": b"clutter",
        },
    )
    before = sorted(tmp_path.rglob("*.png"))
    result = imported(empty_study, source)
    out, bad_name = "Its path leads out of the archive", "Its name is not valid text; rename it"
    assert reasons(result) == {
        "../outside.png": out,
        "benign/../../outside.png": out,
        "/etc/passwd.png": out,
        "C:/benign/drive.png": out,
        "C:drive.png": out,
        "benign/../../back.png": out,
        "benign/link.png": "It is a link or a device, not a file",
        "benign/inner.zip": "It is an archive; import it separately",
        "benign//empty.png": bad_name,
        "benign/bell\N{REPLACEMENT CHARACTER}.png": bad_name,
        "benign/notes.txt": "It is not an image",
    }
    assert result["counts"] == {"benign": 1}
    stored = {path for path in tmp_path.rglob("*.png") if empty_study.root not in path.parents}
    assert sorted(stored) == before


@pytest.mark.parametrize("name", [f"benign/{'1' * 5000}.png", f"benign/{'x' * 60_000}.png", "." + "/." * 600])
def test_names_that_are_far_too_long_are_skipped(empty_study: Workspace, tmp_path: Path, name: str) -> None:
    result = imported(empty_study, zipped(tmp_path / "a.zip", {name: png(1), "benign/good.png": png()}))
    [(file, reason)] = reasons(result).items()
    assert (file, reason) == (f"{name[:100]}…", "Its name is longer than 1,000 letters")
    assert result["counts"] == {"benign": 1}


def test_of_two_members_of_one_name_the_first_comes_in(empty_study: Workspace, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("benign/a.png", png(1))
        archive.writestr("benign/a.png", png(2))
        archive.writestr("./benign/a.png", png(3))
        archive.writestr(".", png(4))
    result = imported(empty_study, tmp_path / "a.zip")
    assert reasons(result) == {
        "benign/a.png": "Another member has the same name",
        "./benign/a.png": "Another member has the same name",
        "a.zip/.": "It is a hidden file",
    }
    (image,) = empty_study.catalog.images()
    assert empty_study.image_path(image).read_bytes() == png(1)


@pytest.mark.parametrize("name", ["gutartig_ä", "良性", "доброкачественный"])
@pytest.mark.parametrize("says_so", [True, False])
def test_names_are_read_in_whatever_encoding(empty_study: Workspace, tmp_path: Path, name: str, says_so: bool) -> None:
    source = zipped(tmp_path / "a.zip", {f"{name}/a.png": png()})
    if not says_so:  # as old Mac and Linux programs do
        source.write_bytes(without_utf_8_flags(source.read_bytes()))
        assert zipfile.ZipFile(source).namelist() != [f"{name}/a.png"]
    imported(empty_study, source)
    assert empty_study.catalog.classes() == [name]


def without_utf_8_flags(content: bytes) -> bytes:
    changed = bytearray(content)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[changed.index(signature) + at + 1] &= ~0x08
    return bytes(changed)


def test_encrypted_members_say_so(empty_study: Workspace, tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip", {"benign/a.png": png()}).read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 0x01
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BadInput, match=r"no images in the archive.*benign/a\.png: It is encrypted"):
        imported(empty_study, tmp_path / "a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_other_compressions_say_so(empty_study: Workspace, tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("benign/a.png", png(1), method)
        archive.writestr("benign/b.png", png(2), zipfile.ZIP_STORED)
    result = imported(empty_study, tmp_path / "a.zip")
    assert "compressed in a way that is not read" in reasons(result)["benign/a.png"]
    assert result["imported"] == 1


def test_images_at_the_root_need_a_class(empty_study: Workspace, tmp_path: Path) -> None:
    source = zipped(tmp_path / "benign.zip", {"a.png": png(1), "b.png": png(2)})
    with pytest.raises(ClassUnknown, match=r"benign\.zip.*--class"):
        imported(empty_study, source)
    assert imported(empty_study, source, class_name="Cyst")["counts"] == {"cyst": 2}


def test_a_table_in_an_archive_says_whose_images_they_are(empty_study: Workspace, tmp_path: Path) -> None:
    table = b"file,patient,class\nbenign/a.png,P-1,malignant\nbenign/b.png,P-1,benign\n"
    members: dict[str | zipfile.ZipInfo, bytes] = {"x/benign/a.png": png(1), "x/benign/b.png": png(2)}
    result = imported(empty_study, zipped(tmp_path / "a.zip", {**members, "x/labels.csv": table}))
    assert (result["counts"], result["patients"], result["skipped"]) == ({"benign": 2}, 1, [])
    first, second = empty_study.catalog.images()
    assert first.patient == second.patient and first.group == second.group


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"PK\x05\x06", b"PK\x05\x06" + b"\xff" * 18, b"PK\x03\x04" + b"\0" * 100]
)
def test_what_is_no_archive_is_bad_input(empty_study: Workspace, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(BadInput, match=r"(not a ZIP archive|no images).*") as caught:
        imported(empty_study, tmp_path / "a.zip")
    assert caught.value.file and caught.value.remedy


def test_a_damaged_member_is_skipped_and_the_rest_comes(empty_study: Workspace, tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", {"benign/a.png": png(1), "benign/b.png": png(2)}, zipfile.ZIP_STORED)
    content = bytearray(source.read_bytes())
    content[content.index(png(1)) + 100] ^= 0xFF
    source.write_bytes(content)
    *_, last = jobs.start(empty_study, ImportSettings(sources=(source,)))
    assert isinstance(last, Finished)
    assert reasons(last.result) == {"benign/a.png": "It is damaged inside the archive"}
    assert last.result["counts"] == {"benign": 1}


# -- bombs -------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = zipfile.ZipFile.open

    def only_to_write(archive: zipfile.ZipFile, name: zipfile.ZipInfo, mode: str = "r", **options: bool) -> IO[bytes]:
        if mode == "r":
            pytest.fail("a member was opened")
        return opened(archive, name, "w", **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", only_to_write)


def claiming(content: bytes, size: int) -> bytes:
    """The archive, with every member declared to unpack to this many bytes."""
    changed = bytearray(content)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<L", changed, at + 24, size)
        at = changed.find(b"PK\x01\x02", at + 1)
    return bytes(changed)


@pytest.mark.usefixtures("nothing_is_unpacked")
def test_an_archive_that_unpacks_to_far_too_much_is_refused(empty_study: Workspace, tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", {f"benign/{n}.png": png(n) for n in range(20)})
    source.write_bytes(claiming(source.read_bytes(), 4_000_000_000))
    with pytest.raises(BadInput, match=r"would unpack to 75 GiB \(.*a\.zip\)"):
        imported(empty_study, source)
    source.write_bytes(claiming(source.read_bytes(), 100_000_000))  # 2 GB out of 8 kB
    with pytest.raises(BadInput, match="would unpack to 2 GiB"):
        imported(empty_study, source)


@pytest.mark.usefixtures("nothing_is_unpacked")
def test_too_many_members_are_refused_before_they_are_listed(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    source = zipped(tmp_path / "a.zip", {f"benign/{n}.png": png(n) for n in range(6)})
    monkeypatch.setattr(zipfile, "ZipFile", lambda *args: pytest.fail("the members were listed"))
    with pytest.raises(BadInput, match="more than 5 files"):
        imported(empty_study, source)


@pytest.mark.usefixtures("nothing_is_unpacked")
def test_members_that_share_their_bytes_are_refused(empty_study: Workspace, tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", {"benign/a.png": png(1), "benign/b.png": png(2)})
    content = bytearray(source.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    struct.pack_into("<L", content, second + 42, 0)  # begins at the same byte as the first
    source.write_bytes(content)
    with pytest.raises(BadInput, match="share their bytes"):
        imported(empty_study, source)


def test_a_member_is_never_read_beyond_what_it_says_to_have(empty_study: Workspace, tmp_path: Path) -> None:
    """50 MB of zeros that are declared as 1,000 bytes."""
    source = zipped(tmp_path / "a.zip", {"benign/bomb.png": bytes(50_000_000), "benign/good.png": png()})
    content = bytearray(source.read_bytes())
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, 1000)
    source.write_bytes(content)
    archive = archives.Archive(source, source)
    bomb = archive.members()[0]
    tracemalloc.start()
    with pytest.raises(BadInput, match="damaged inside the archive"):
        archive.read(bomb, 10**9)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    archive.close()
    *_, last = jobs.start(empty_study, ImportSettings(sources=(source,)))
    assert isinstance(last, Finished)
    assert reasons(last.result) == {"benign/bomb.png": "It is damaged inside the archive"}


def test_a_member_that_is_too_large_is_not_read(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipped(tmp_path / "a.zip", {"benign/large.png": png(1) + bytes(2000), "benign/good.png": png(2)})
    monkeypatch.setattr(archives, "MAX_BYTES", 1500)
    result = imported(empty_study, source)
    assert reasons(result) == {"benign/large.png": "The file is larger than 512 MiB"}
    assert result["imported"] == 1
