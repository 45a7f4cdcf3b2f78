"""What has changed around a run since it began: libraries, device, pixels. A resumed run reports it.

Everything that decides which image trains and tests which network is stored with a run. What remains are random numbers
and roundings, which no library promises to keep from one version to the next.
"""

from collections.abc import Iterator
from typing import Final

from busapp.engine.events import Event, Note
from busapp.engine.study.runs import RunInfo
from busapp.engine.utils.versions import software

_EFFECT: Final = "From here on, its numbers may differ from those of a run that was never stopped."


def software_changed(info: RunInfo) -> Iterator[Event]:
    """Report what differs between the software here and that which last computed the run, and record it in `info`."""
    before, now = info.software[-1], software()
    knows_libraries = bool(info.versions or info.resumed)
    if not knows_libraries:
        yield Note("The run did not record the versions of the libraries that it began with.", "warning")
    # Names that the run did not record may be of libraries that an earlier version of the program did not list.
    changes = [f"{name} {old} → {now.get(name, 'none')}" for name, old in before.items() if old != now.get(name)]
    if changes:
        yield Note(f"Changed since the run was last computed: {', '.join(changes)}. {_EFFECT}", "warning")
    if changes or not knows_libraries:
        info.resumed.append(now)


def surroundings_changed(*, device: tuple[str, str], pixels: tuple[str, str]) -> Iterator[Event]:
    """Report if the device or the checksum of the pixels is another. Each is given as it was before and as it is now;
    empty: not known."""
    if device[0] and device[0] != device[1]:
        yield Note(f"The run was computed on {device[0]} before, and continues on {device[1]}. {_EFFECT}", "warning")
    if pixels[0] and pixels[0] != pixels[1]:
        yield Note(
            "The pixels of the images are not those that the run began with: an image file was replaced, or another "
            f"version of a library reads it otherwise. {_EFFECT}",
            "warning",
        )
