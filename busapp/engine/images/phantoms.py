"""Draw phantoms: artificial breast ultrasound images from a small speckle simulation, for demo, tests and teaching.

Phantoms look like real images and show no patient. Echo strength, attenuation and the scanner's point spread are
simulated on one grid, in decibels, as textbooks describe the three classes:

- normal: skin line, fat with ligaments, fibroglandular layers, muscle with striae, attenuation with depth;
- benign: a smooth dark ellipse, wider than tall, with a bright far wall and enhancement behind it;
- malignant: an irregular, spiculated dark mass, taller than wide, with a bright halo and a shadow behind it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d, zoom

from busapp.engine.images.preprocessing import Pixels
from busapp.errors import BadInput

Field = npt.NDArray[np.float64]
"""float64 (GRID, GRID): depth × lateral position; echo strength in dB unless noted otherwise."""

CLASSES: Final = ("benign", "malignant", "normal")
GRID: Final = 256
"""Samples along each side of the simulated plane, about 4 cm; images of other sizes are resampled from it."""
DYNAMIC_RANGE: Final = 52.0
"""Decibels between black and white."""

_DEPTH, _LATERAL = np.meshgrid(np.linspace(0, 1, GRID), np.linspace(0, 1, GRID), indexing="ij")


def draw_phantom(class_name: str, rng: np.random.Generator, size: int = 128) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """One phantom of a class, and the mask of its lesion.

    Returns:
        Pixels uint8 (size, size, 3), grey in three equal channels, and the mask uint8 (size, size), 255 inside
        the lesion, 0 outside; all 0 for `normal`.

    Raises:
        BadInput: the class is none of `CLASSES`.
    """
    if class_name not in CLASSES:
        raise BadInput(
            "There are no phantoms of this class", file=class_name, remedy=f"Choose one of {', '.join(CLASSES)}."
        )
    echo, loss = _tissue(rng)
    inside = np.zeros((GRID, GRID), dtype=bool)
    if class_name == "benign":
        echo, loss, inside = _add_benign(echo, loss, rng)
    elif class_name == "malignant":
        echo, loss, inside = _add_malignant(echo, loss, rng)
    received = echo - np.cumsum(loss, axis=0) / GRID
    grey = Image.fromarray(_scan(received, rng)).resize((size, size), Image.Resampling.LANCZOS)
    mask = Image.fromarray(inside.astype(np.uint8) * 255).resize((size, size), Image.Resampling.NEAREST)
    return np.repeat(np.asarray(grey)[:, :, None], 3, axis=2), np.asarray(mask)


def write_phantoms(folder: Path, counts: Mapping[str, int], size: int, seed: int) -> None:
    """Write all phantoms of `each_phantom`. Raises the same errors."""
    for _ in each_phantom(folder, counts, size, seed):
        pass


def each_phantom(folder: Path, counts: Mapping[str, int], size: int, seed: int) -> Iterator[Path]:
    """Write phantoms in BUSI's layout: `benign/phantom benign (1).png`, `benign/phantom benign (1)_mask.png`.

    The same seed writes the same files. A higher count of a class leaves its first files unchanged.

    Args:
        folder: created if it does not exist.
        counts: images per class, of `CLASSES`.
        size: width and height in pixels.
        seed: any non-negative integer.

    Yields:
        Each image file, after it and its mask are written.

    Raises:
        BadInput: a class is none of `CLASSES`.
    """
    for class_name, count in counts.items():
        (folder / class_name).mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            rng = np.random.default_rng([seed, *class_name.encode(), number])
            pixels, mask = draw_phantom(class_name, rng, size)
            stem = f"phantom {class_name} ({number})"
            image_file = folder / class_name / f"{stem}.png"
            Image.fromarray(pixels).save(image_file)
            Image.fromarray(mask).save(folder / class_name / f"{stem}_mask.png")
            yield image_file


# -- tissue ------------------------------------------------------------------------------------------------


def _noise(rng: np.random.Generator, depth_scale: float, lateral_scale: float) -> Field:
    """Smooth noise of zero mean and unit deviation; scales are correlation lengths as fractions of the side."""
    rows, columns = (max(4, round(1 / scale)) for scale in (depth_scale, lateral_scale))
    coarse = rng.standard_normal((rows, columns))
    smooth: Field = zoom(coarse, (GRID / rows, GRID / columns), order=3, mode="nearest", grid_mode=True)
    return np.asarray((smooth - smooth.mean()) / smooth.std())


def _curve(rng: np.random.Generator, depth: float, swing: float) -> Field:
    """A boundary between layers: its depth at each lateral position, shape (GRID,), as a fraction of the side."""
    x = _LATERAL[0]
    waves = sum(
        rng.normal(0, swing / k) * np.sin(2 * np.pi * k * x * rng.uniform(0.4, 0.8) + rng.uniform(0, 2 * np.pi))
        for k in (1, 2, 3)
    )
    return np.asarray(depth + rng.normal(0, swing) * (x - 0.5) + waves)


def _below(boundary: Field, sharpness: float = 0.006) -> Field:
    """1 below a boundary, 0 above it, with a soft edge."""
    return np.asarray(1 / (1 + np.exp(np.clip((boundary - _DEPTH) / sharpness, -50, 50))))


def _line(boundary: Field, thickness: float) -> Field:
    """A thin bright interface along a boundary, 1 at its middle."""
    return np.asarray(np.exp(-(((_DEPTH - boundary) / thickness) ** 2)))


def _tissue(rng: np.random.Generator) -> tuple[Field, Field]:
    """Echo strength in dB (0 is bright fibroglandular tissue), and loss in dB per side."""
    skin = _curve(rng, rng.uniform(0.035, 0.06), 0.004)
    fat_ends = _curve(rng, rng.uniform(0.16, 0.36), 0.045)
    gland_ends = _curve(rng, rng.uniform(0.58, 0.82), 0.045)
    muscle_ends = gland_ends + np.abs(_curve(rng, rng.uniform(0.14, 0.24), 0.02))

    fat = rng.uniform(-19, -13) + 2.5 * _noise(rng, 0.08, 0.15)
    gland = -5 + 4.0 * _noise(rng, 0.03, 0.14) + rng.uniform(1.5, 4) * _noise(rng, 0.15, 0.25)
    muscle = rng.uniform(-20, -15) + 6.0 * np.maximum(_noise(rng, 0.012, 0.25), 0) + 2.0 * _noise(rng, 0.08, 0.3)
    chest = -27 + 3.0 * _noise(rng, 0.05, 0.3)

    echo = -2.0 + (fat + 2.0) * _below(skin)
    for boundary, layer, above in ((fat_ends, gland, fat), (gland_ends, muscle, gland), (muscle_ends, chest, muscle)):
        echo = echo + (layer - above) * _below(boundary)
    echo += 8 * _line(skin, 0.008) + rng.uniform(4, 9) * _line(fat_ends, 0.009)
    echo += rng.uniform(6, 11) * _line(gland_ends, 0.008) + rng.uniform(6, 12) * _line(muscle_ends, 0.010)
    echo += _ligaments(rng, skin, fat_ends)

    contact = gaussian_filter1d(rng.normal(0, 1, GRID), 14)  # uneven coupling of the probe draws faint columns
    loss = np.full((GRID, GRID), rng.uniform(8, 17)) + 14 * contact[None, :]
    return echo, loss


def _ligaments(rng: np.random.Generator, skin: Field, fat_ends: Field) -> Field:
    """Cooper's ligaments: thin bright oblique lines through the fat."""
    within = _below(skin) * (1 - _below(fat_ends))
    lines = np.zeros((GRID, GRID))
    for _ in range(rng.integers(2, 6)):
        start, length = rng.uniform(-0.1, 0.9), rng.uniform(0.2, 0.5)
        run = (_LATERAL[0] - start) / length
        path = rng.uniform(0.08, 0.28) + rng.uniform(-0.12, 0.12) * run + rng.normal(0, 0.05) * np.sin(np.pi * run)
        extent = np.exp(-((2 * run - 1) ** 4))  # fades out at both ends
        lines = np.maximum(lines, rng.uniform(6, 13) * extent * _line(path, rng.uniform(0.005, 0.009)))
    return lines * within


# -- lesions -----------------------------------------------------------------------------------------------


def _outline(
    rng: np.random.Generator, centre: tuple[float, float], half_depth: float, half_width: float, tilt: float
) -> tuple[Field, Field]:
    """Elliptic radius (1 on the ellipse) and angle about a centre (depth, lateral), each (GRID, GRID)."""
    down, across = _DEPTH - centre[0], _LATERAL - centre[1]
    v = (down * np.cos(tilt) - across * np.sin(tilt)) / half_depth
    u = (down * np.sin(tilt) + across * np.cos(tilt)) / half_width
    return np.hypot(u, v), np.arctan2(v, u)


def _wobble(rng: np.random.Generator, angle: Field, harmonics: range, strength: float) -> Field:
    """A closed smooth variation of the radius with the angle."""
    return np.asarray(
        sum(rng.normal(0, strength / np.sqrt(k)) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in harmonics)
    )


def _add_benign(echo: Field, loss: Field, rng: np.random.Generator) -> tuple[Field, Field, npt.NDArray[np.bool_]]:
    half_width = rng.uniform(0.10, 0.20)
    half_depth = half_width * rng.uniform(0.48, 0.72)
    centre = (rng.uniform(0.32, 0.55), rng.uniform(0.28, 0.72))
    radius, angle = _outline(rng, centre, half_depth, half_width, rng.normal(0, 0.12))
    edge = 1 + _wobble(rng, angle, range(2, 4), 0.03)
    distance = (radius - edge) * half_depth  # roughly a fraction of the side; negative inside
    within = 1 / (1 + np.exp(np.clip(distance / 0.004, -50, 50)))

    interior = rng.uniform(-36, -25) + 1.2 * _noise(rng, 0.06, 0.08)
    echo = echo * (1 - within) + interior * within
    capsule = np.exp(-((distance / 0.008) ** 2))
    far_wall = np.clip(np.sin(angle), 0, 1) ** 2  # the angle turns downwards, away from the probe
    near_wall = np.clip(-np.sin(angle), 0, 1) ** 4
    echo += capsule * (rng.uniform(12, 18) * far_wall + 7 * near_wall + 2)

    refraction = np.exp(-(((np.abs(_LATERAL - centre[1]) - half_width) / 0.012) ** 2)) * (centre[0] < _DEPTH)
    loss = loss - gaussian_filter(rng.uniform(35, 65) * within, (0, 5)) + 12 * gaussian_filter(refraction, 2)
    return echo, loss, distance < 0


def _add_malignant(echo: Field, loss: Field, rng: np.random.Generator) -> tuple[Field, Field, npt.NDArray[np.bool_]]:
    half_width = rng.uniform(0.075, 0.13)
    half_depth = half_width * rng.uniform(1.15, 1.6)
    centre = (rng.uniform(0.32, 0.50), rng.uniform(0.28, 0.72))
    radius, angle = _outline(rng, centre, half_depth, half_width, rng.normal(0, 0.2))
    core = 1 + _wobble(rng, angle, range(2, 12), 0.17)
    spicules = np.zeros((GRID, GRID))
    for _ in range(rng.integers(14, 26)):
        turn = np.angle(np.exp(1j * (angle - rng.uniform(-np.pi, np.pi) + rng.normal(0, 0.25) * (radius - 1))))
        spicules = np.maximum(spicules, rng.uniform(0.1, 0.9) * np.exp(-np.abs(turn) / rng.uniform(0.03, 0.09)))
    distance = (radius - core - spicules) * half_width
    within = 1 / (1 + np.exp(np.clip(distance / 0.012, -50, 50)))

    interior = rng.uniform(-31, -24) + 3.5 * _noise(rng, 0.05, 0.06)
    halo = np.exp(-((np.maximum(distance, 0) / 0.06) ** 2))
    echo = (echo + rng.uniform(3, 7) * halo) * (1 - within) + interior * within
    for _ in range(rng.integers(0, 7)):  # microcalcifications
        spot = (centre[0] + rng.normal(0, half_depth / 3), centre[1] + rng.normal(0, half_width / 3))
        echo += 20 * np.exp(-(((_DEPTH - spot[0]) ** 2 + (_LATERAL - spot[1]) ** 2) / 0.006**2))

    solid = radius < core  # spicules are too thin to cast a shadow
    loss = loss + gaussian_filter(solid * rng.uniform(55, 100), (0, 4))
    return echo, loss, distance < 0


# -- scanner -----------------------------------------------------------------------------------------------


def _scan(received: Field, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """From echo strength in dB to the grey picture of a scanner: uint8 (GRID, GRID).

    Random scatterers are blurred by a point spread that is wider across the beam than along it and widens with
    depth; the envelope of the sum is Rayleigh distributed. Three looks are averaged (spatial compounding), then
    compressed to `DYNAMIC_RANGE`.
    """
    amplitude = 10 ** (received / 20)
    power = np.zeros((GRID, GRID))
    for _ in range(3):
        scatterers = amplitude * rng.standard_normal((2, GRID, GRID))
        near, far = (
            np.stack([gaussian_filter(part, (0.8, lateral)) for part in scatterers]) * np.sqrt(lateral)
            for lateral in (1.3, 2.8)
        )
        field = near * (1 - _DEPTH) + far * _DEPTH
        power += (field**2).sum(axis=0)
    noise_floor = 10 ** (-52 / 10) * rng.exponential(1, (GRID, GRID))
    decibels = 10 * np.log10(power + noise_floor) + rng.uniform(-3, 3)
    grey = (decibels - 4) / DYNAMIC_RANGE + 1
    return np.asarray(np.clip(gaussian_filter(grey, 0.6), 0, 1) * 255, dtype=np.uint8)
