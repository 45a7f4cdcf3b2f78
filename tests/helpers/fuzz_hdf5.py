"""Files of HDF5 as PCam ships them: seeds and bombs of the fuzzing.

Each seed has pictures `x` and labels `y`, so that it can stand for the file of either.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

import h5py
import numpy as np

HDF5_STEM: Final = "camelyonpatch_level_2_split_train"
"""The beginning of the names under which the meanings of the labels are known."""
N: Final = 6
_NOISE: Final = np.random.default_rng(12)
_X: Final = _NOISE.integers(0, 256, (N, 12, 10, 3), np.uint8)
_Y: Final = (np.arange(N, dtype=np.uint8) % 2).reshape(N, 1, 1, 1)
SLIDES: Final = b"coord_y,coord_x,tumor_patch,center_tumor_patch,wsi\n" + b"".join(
    b"%d,%d,%s,%s,camelyon16_train_tumor_00%d\n" % (k * 96, k * 32, *[(b"False", b"True")[k % 2]] * 2, k // 2)
    for k in range(N)
)
"""The table of slides beside the pictures."""

Write = Callable[[h5py.File], object]


def hdf5(write: Write, **options: Any) -> bytes:
    """The bytes of a file that `write` fills."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as file:
        write(file)
    return stream.getvalue()


def plain(file: h5py.File, x: np.ndarray = _X, y: np.ndarray = _Y, **options: Any) -> None:
    """Write pictures and labels; `options` say how the pictures are packed."""
    file.create_dataset("x", data=x, **options)
    file.create_dataset("y", data=y)


def _packed(**options: Any) -> Write:
    return lambda file: plain(file, **options)


def _labels_packed(file: h5py.File) -> None:
    file.create_dataset("x", data=_X[..., 0], chunks=(1, 4, 10), fillvalue=7, compression="gzip")
    file.create_dataset("y", data=_Y.astype(">i8").ravel(), chunks=(4,), maxshape=(None,), compression="gzip")


def _compact(file: h5py.File) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    for name, values in ((b"x", _X), (b"y", _Y)):
        space = h5py.h5s.create_simple(values.shape)
        h5py.h5d.create(file.id, name, h5py.h5t.STD_U8LE, space, creation).write(space, space, values)


def _early(file: h5py.File) -> None:
    """Chunks that lie one behind the other, without an index."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((2, 12, 10, 3))
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(_X.shape)
    h5py.h5d.create(file.id, b"x", h5py.h5t.STD_U8LE, space, creation).write(space, space, _X)
    file["y"] = _Y


def _with_company(file: h5py.File) -> None:
    """Attributes, groups and arrays of other kinds beside those that are read."""
    plain(file, chunks=(2, 12, 10, 3), compression="gzip", maxshape=(None, 12, 10, 3))
    file.attrs["made"], file["x"].attrs["scale"] = "by a program", np.arange(12.0)
    file["x"].attrs["names"] = ["first", "second"]
    group = file.create_group("about/more/and more")
    group["text"] = "free text " * 9
    group["kinds"] = np.zeros(3, [("a", "<i4"), ("b", "S5"), ("c", "<f8", (2,))])
    group["half"] = np.ones(4, np.float16)
    group["flags"] = np.array([True, False])
    group.create_dataset("lzf", data=_X, compression="lzf")
    group.create_dataset("packed", data=np.arange(64, dtype=np.int32), scaleoffset=0)
    group.create_dataset("strings", data=["a", "bb"], dtype=h5py.string_dtype())
    group.attrs["refers"] = file["x"].ref
    file["kind"] = np.dtype([("a", "<u2")])


def _dense(file: h5py.File) -> None:
    """So many links and attributes that they have heaps and trees of their own."""
    plain(file, chunks=(1, 12, 10, 3), maxshape=(None, None, 10, 3))
    for number in range(20):
        file[f"n{number}"] = h5py.SoftLink(f"/n{(number + 1) % 20}")
        file["x"].attrs[f"a{number}"] = number


def _rings(file: h5py.File) -> None:
    """Links that lead back to where they are."""
    plain(file)
    file["self"] = file["/"]
    group = file.create_group("a/b")
    group["up"], group["round"], file["a/soft"] = file["a"], group, h5py.SoftLink("/a/soft")
    file["out"] = h5py.ExternalLink("../../canary.h5", "/x")


def _linked(link: object) -> Write:
    def write(file: h5py.File) -> None:
        file["y"], file["x"] = _Y, link

    return write


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((1, 20, 48, 3), np.uint8)
    layout[:] = h5py.VirtualSource("../../canary.h5", "x", (1, 20, 48, 3))
    file.create_virtual_dataset("x", layout)
    file["y"] = _Y[:1]


def _stored_elsewhere(file: h5py.File) -> None:
    file.create_dataset("x", (N, 4, 4), "u1", external=[("../canary.png", 0, N * 16)])
    file["y"] = _Y


def hdf5_seeds() -> list[bytes]:
    """Valid files of HDF5, and some that lead to other files."""
    gzip: dict[str, Any] = {"chunks": (2, 12, 10, 3), "compression": "gzip"}
    latest: dict[str, Any] = {"libver": "latest"}
    large = _NOISE.integers(0, 256, (N, 96, 96, 3), np.uint8)
    return [
        hdf5(plain),
        hdf5(plain, **latest),
        hdf5(plain, userblock_size=512),
        hdf5(_packed(**gzip)),
        hdf5(_packed(**gzip, shuffle=True, fletcher32=True)),
        hdf5(_packed(**gzip, shuffle=True), **latest),
        hdf5(_packed(chunks=(1, 5, 10, 3)), **latest),
        hdf5(_packed(chunks=(2, 12, 10, 3), maxshape=(None, 12, 10, 3), fletcher32=True), **latest),
        hdf5(_packed(x=large, chunks=(2, 48, 96, 3), compression="gzip")),
        hdf5(_packed(x=_X[..., :1], y=_Y.ravel().astype(bool))),
        hdf5(_labels_packed),
        hdf5(_labels_packed, fs_strategy="page", fs_persist=True),
        hdf5(_compact),
        hdf5(_compact, **latest),
        hdf5(_early, **latest),
        hdf5(_with_company),
        hdf5(_with_company, **latest),
        hdf5(_dense),
        hdf5(_dense, **latest, track_order=True),
        hdf5(_rings),
        hdf5(_linked(h5py.ExternalLink("../../canary.h5", "/x"))),
        hdf5(_linked(h5py.SoftLink("/y"))),
        hdf5(_virtual),
        hdf5(_stored_elsewhere),
    ]


def canary_hdf5(picture: np.ndarray) -> bytes:
    """A file with one picture, which nothing that is imported may show."""
    return hdf5(lambda file: plain(file, picture[None], _Y[:1]))


# -- bombs -----------------------------------------------------------------------------------------------------


def _declared(*shape: int, **options: Any) -> Callable[[], bytes]:
    return lambda: hdf5(
        lambda file: [file.create_dataset("x", shape, "u1", **options), file.create_dataset("y", data=_Y)]
    )


def _of_equal_chunks(count: int, shape: tuple[int, ...]) -> Write:
    """Pictures of zeros in chunks that are packed once and written many times."""

    def write(file: h5py.File) -> None:
        chunk = (shape[0], *shape[1:])
        data = file.create_dataset("x", (count * shape[0], *shape[1:]), "u1", chunks=chunk, compression="gzip")
        packed = zlib.compress(bytes(math.prod(chunk)), 9)
        for number in range(count):
            data.id.write_direct_chunk((number * shape[0], *[0] * (len(shape) - 1)), packed)
        file["y"] = np.zeros(count * shape[0], np.uint8)

    return write


def shared_chunks(count: int = 12_000) -> bytes:
    """Chunks of one picture each, which are all the same bytes of the file."""

    def write(file: h5py.File) -> None:
        _of_equal_chunks(count, (1, 96, 96))(file)
        file["x"][0] = _NOISE.integers(0, 256, (96, 96), np.uint8)

    content = bytearray(hdf5(write))
    places, at = [], content.find(b"TREE")
    while at >= 0:
        kind, level, entries = struct.unpack_from("<BBH", content, at + 4)
        if kind == 1 and level == 0:  # a leaf: a key of size, mask and four offsets before each address
            places += [at + 24 + number * 48 for number in range(entries)]
        at = content.find(b"TREE", at + 1)
    first = max(places, key=lambda place: struct.unpack_from("<L", content, place)[0])
    size, address = content[first : first + 4], content[first + 40 : first + 48]
    for place in places:
        content[place : place + 4], content[place + 40 : place + 48] = size, address
    return bytes(content)


def _deep(file: h5py.File) -> None:
    plain(file)
    group = file.create_group("x is not here")
    for _ in range(3000):
        group = group.create_group("x")
    group["up"] = file["/"]


def _many_links(file: h5py.File) -> None:
    plain(file)
    for number in range(30_000):
        file[f"x{number}"] = h5py.SoftLink("/x")


def _with_filter(number: int) -> Write:
    """An array that a filter of a plug-in packs, which is said to be optional."""

    def write(file: h5py.File) -> None:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1, 12, 10, 3))
        creation.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple(_X.shape)
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_U8LE, space, creation)
        file["y"] = _Y

    return write


def _links_in_a_ring(file: h5py.File) -> None:
    file["x"], file["again"], file["y"] = h5py.SoftLink("/again"), h5py.SoftLink("/x"), _Y


def _wide_labels(file: h5py.File) -> None:
    file["x"] = _X
    file.create_dataset("y", (N,), np.dtype((np.void, 2**26)), chunks=(1,))


HDF5_BOMBS: Final[tuple[tuple[str, Callable[[], bytes]], ...]] = (
    ("a million patches declared", _declared(10**6, 96, 96, 3, chunks=(1, 96, 96, 3))),
    ("more patches than there are numbers", _declared(2**40, 96, 96, 3, chunks=(1, 96, 96, 3))),
    ("1 GiB of zeros", lambda: hdf5(_of_equal_chunks(304, (128, 96, 96, 3)))),
    ("chunks of 2 GiB", _declared(10**5, 96, 96, 3, chunks=(77_000, 96, 96, 3), compression="gzip")),
    ("chunks that share their bytes", shared_chunks),
    ("a link to another file", lambda: hdf5(_linked(h5py.ExternalLink("../../canary.h5", "/x")))),
    ("a picture of another file", lambda: hdf5(_virtual)),
    ("links in a ring", lambda: hdf5(_links_in_a_ring)),
    ("three thousand groups in one another", lambda: hdf5(_deep)),
    ("thirty thousand links", lambda: hdf5(_many_links, libver="latest")),
    ("a filter of a plug-in", lambda: hdf5(_with_filter(32_015))),
    ("labels of 64 MiB each", lambda: hdf5(_wide_labels)),
)
