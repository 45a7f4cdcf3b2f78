"""Pseudonyms of patients: keyed hashes, so that images of one patient stay together and nobody learns who it is.

A plain hash of a patient number could be reversed by trying all numbers. The keyed hash needs a key that lies in the
user's own folder and never in a study, so that a copy of a study reveals nothing.
"""

import hashlib
import hmac
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

from busapp import paths
from busapp.engine.utils.files import space_is_needed
from busapp.errors import UserError

KEY_BYTES: Final = 32
_MUCH: Final = 0.1
"""The share of all images above which one patient is told."""


class DamagedPatientKey(UserError):
    """The file with the key for patients cannot be read. It stays as it is."""


def pseudonym(patient: str) -> str:
    """The pseudonym under which a patient is stored: `<6 hex that name the key>:<20 hex of HMAC-SHA256>`.

    Ignores case and the number of spaces. The same patient has the same pseudonym in every study of this user.

    Raises:
        DamagedPatientKey: the key cannot be read.
        NoSpace: there is no key yet, and it cannot be written.
    """
    key = _key()
    normalised = " ".join(patient.casefold().split())
    return f"{_name_of(key)}:{hmac.new(key, normalised.encode(), hashlib.sha256).hexdigest()[:20]}"


def made_with_another_key(pseudonyms: Iterable[str]) -> bool:
    """True if any of these was made with another key (on another computer or by another user), under which the same
    patients have other pseudonyms.

    Raises:
        DamagedPatientKey: the key cannot be read.
    """
    names = {pseudonym.partition(":")[0] for pseudonym in pseudonyms}
    return bool(names) and names != {_name_of(_key())}


def odd_patients(counts: Mapping[tuple[str | None, str], int]) -> list[str]:
    """What looks odd about the patients of some images: one with several images and more than a tenth of all, and
    patients with images of several classes. Sentences that name nobody.

    Args:
        counts: number of images by patient and class. The patient is None for images without one.
    """
    images, classes = Counter[str](), Counter[str]()
    for (patient, _), count in counts.items():
        if patient is not None and count:
            images[patient] += count
            classes[patient] += 1
    total = sum(counts.values())
    said = []
    large = [n for _, n in images.most_common() if n > max(1, _MUCH * total)]
    if len(large) == 1:
        said.append(f"One patient has {large[0]:,} of {total:,} images. Check that this is one person.")
    elif large:
        most = f"the largest {large[0]:,} of {total:,}"
        said.append(
            f"{len(large)} patients have more than a tenth of the images each, {most}. Check that each is one person."
        )
    several = sum(n > 1 for n in classes.values())
    if several:
        have = "patient has" if several == 1 else "patients have"
        said.append(f"{several:,} {have} images of several classes. Check the classes and the patients.")
    return said


def _name_of(key: bytes) -> str:
    return hashlib.sha256(b"busapp names this key\0" + key).hexdigest()[:6]


def _key() -> bytes:
    path = paths.user_data_dir() / "patients.key"
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise DamagedPatientKey(
            "The key for patients cannot be read or written",
            file=path,
            remedy="Check that you may read and write this folder.",
        ) from error
    if len(key) != KEY_BYTES:
        raise DamagedPatientKey(
            "The key for patients is damaged",
            file=path,
            remedy="Restore the file from a backup. If there is none, move it away. The program then makes a new key "
            "and does not recognise patients that were imported before.",
        )
    return key


def _make(path: Path) -> None:
    """Write a new key that only this user may read, unless another process was faster."""
    with space_is_needed(path):
        aside = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
                stream.write(secrets.token_bytes(KEY_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
            _move_unless_there(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def _move_unless_there(aside: Path, path: Path) -> None:
    """Move the file into place. Unlike `replace`, this never overwrites a key that another process already uses."""
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return
    except OSError:  # a file system without links, such as FAT
        if not path.exists():
            aside.replace(path)
