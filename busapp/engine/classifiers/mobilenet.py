"""torchvision's MobileNetV2: finds the ImageNet weights and builds the network from them.

Source: Samrin 2024, section 3.3: `mobilenet_v2` of torchvision, pre-trained on ImageNet, its last layer replaced.
"""

import logging
import pickle
import urllib.request
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from busapp import paths
from busapp.engine.classifiers.relu6 import replace_relu6
from busapp.engine.classifiers.torch_setup import MobileNet_V2_Weights, MobileNetV2
from busapp.engine.settings import ValidateSettings
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.errors import BadInput, MissingWeights, UserError

log = logging.getLogger(__name__)

_PATTERNS = ("mobilenet_v2*.safetensors", "mobilenet_v2*.pth", "mobilenet_v2*.pt")
_ORIGIN = MobileNet_V2_Weights.IMAGENET1K_V1  # what torch.hub's `pretrained=True` stands for in the paper
_NETWORK_TIMEOUT = 5.0


def find_weights(weights_file: Path | None = None, *, may_download: bool = True) -> Path:
    """The file with the ImageNet weights.

    Looks in `resources/weights`, then for the file named in the settings, then in torchvision's download cache. If none
    has the weights and `may_download` is true, downloads them into that cache, as torchvision does.

    Raises:
        BadInput: the file named in the settings does not exist.
        MissingWeights: the weights are in none of these places and could not be downloaded.
    """
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    found = _first_in(paths.resources_dir() / "weights")
    if found is None and weights_file is not None:
        if not weights_file.is_file():
            raise BadInput("The weights file does not exist", file=weights_file, remedy="Choose the file again.")
        found = weights_file
    found = found or _first_in(cache) or (_downloaded(cache) if may_download else None)
    if found is None:
        raise MissingWeights(
            "MobileNetV2's ImageNet weights were not found and cannot be downloaded",
            file=_file_name(),
            remedy=f"Download {_ORIGIN.url} on a machine with a network connection and put the file into "
            f"{paths.resources_dir() / 'weights'}, or name it in the settings (--weights-file). You can also train "
            "from scratch, without these weights (--no-pretrained).",
        )
    return found


def _file_name() -> str:
    return str(_ORIGIN.url).rsplit("/", 1)[-1]


def _first_in(folder: Path) -> Path | None:
    return next((path for pattern in _PATTERNS for path in sorted(folder.glob(pattern))), None)


def _downloaded(folder: Path) -> Path | None:
    """Download torchvision's file into its own cache; None if that fails. torchvision's downloader has no time limit,
    so that the program would seem to hang without a network, as in most hospitals."""
    name = _file_name()
    try:
        with urllib.request.urlopen(_ORIGIN.url, timeout=_NETWORK_TIMEOUT) as answer:
            content = answer.read()
        if sha256_of(content).startswith(name.rpartition("-")[2].removesuffix(".pth")):
            write_atomically(folder / name, content)
            return folder / name
        log.warning("%s has the wrong checksum and is not used", _ORIGIN.url)
    except (OSError, UserError) as error:
        log.info("%s could not be downloaded: %s", _ORIGIN.url, error)
    return None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Named tensors from a `.safetensors` file, or from torchvision's `.pth`.

    A `.pth` is a pickle. It is read with `weights_only=True`: torch's own unpickler accepts tensors, numbers and
    dictionaries, and refuses everything that would call code.

    Raises:
        BadInput: the file holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch warns about pickles of other programs, whether it refuses them or not
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, SafetensorError, pickle.UnpicklingError) as error:
        raise _not_weights(path) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise _not_weights(path)
    return loaded


def _not_weights(path: Path) -> BadInput:
    return BadInput(
        "The file does not hold MobileNetV2's ImageNet weights",
        file=path,
        remedy=f"Replace it by torchvision's {_file_name()}.",
    )


def load_imagenet(network: nn.Module, path: Path) -> None:
    """Load the ImageNet weights into all layers but the last.

    Raises:
        BadInput: the file does not fit the network, or some of its numbers are not finite.
    """
    prefix = "features."
    weights = {
        name.removeprefix(prefix): value for name, value in read_weights(path).items() if name.startswith(prefix)
    }
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise _not_weights(path)
    try:
        network.get_submodule("features").load_state_dict(weights)
    except RuntimeError as error:
        raise _not_weights(path) from error


def build(n_classes: int, settings: ValidateSettings, seed: int) -> nn.Module:
    """A MobileNetV2 with a new last layer for `n_classes`, in `channels_last` memory. The same seed gives the same
    weights.

    Input: float32 (n, 3, size, size), normalised. Output: logits, float32 (n, n_classes).

    Raises:
        BadInput: the settings ask for ImageNet weights and a width other than 1, or the weights file holds something
            else.
        MissingWeights: the ImageNet weights were not found.
    """
    if settings.pretrained and settings.width != 1.0:
        raise BadInput(
            f"ImageNet weights are for width 1, not {settings.width:g}",
            remedy="Set the width to 1, or train from scratch (--no-pretrained).",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = MobileNetV2(num_classes=n_classes, width_mult=settings.width)
    replace_relu6(network)
    if settings.pretrained:
        load_imagenet(network, find_weights(settings.weights_file))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def frozen_stages(settings: ValidateSettings, device: torch.device) -> int:
    """Number of the 19 stages that keep their initial weights.

    The settings decide, then the recipe. If both leave it open: 7 without a GPU, so that ten folds take a bearable
    time, and 0 with one. Without ImageNet weights there is nothing to keep: 0, unless the settings say otherwise.
    """
    if settings.frozen_stages is not None or not settings.pretrained:
        return settings.frozen_stages or 0
    by_recipe = settings.training.frozen_stages
    return by_recipe if by_recipe is not None else (7 if device.type == "cpu" else 0)


def divide(network: nn.Module, stages: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Divide the network in two: a frozen stem of the first `stages` stages, and the trainable rest, which ends in
    logits. The stem is in evaluation mode, batch normalisation included. Both share their weights with `network`."""
    features = list(network.get_submodule("features").children())
    stem = nn.Sequential(*features[:stages])
    stem.eval().requires_grad_(False)
    rest = nn.Sequential(*features[stages:], nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.get_submodule("classifier"))
    return stem, rest
