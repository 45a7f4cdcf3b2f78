"""Cross-validate MobileNetV2 the plain way: ImageFolder, DataLoader, Adam, as a tutorial would write it.

`crossval_speed.py` measures against this. No part of it is slower than necessary: every image is decoded, resized and
normalised each time it is used, all layers are trained, tensors keep torch's usual memory format, and each fold starts
from the ImageNet weights. There is one difference to a tutorial: steps are yielded, so that they can be counted and
timed. The training process itself loads the batches. If all cores of the processor train, other processes that load
images take as much time from the training as they save.

    python benchmarks/reference_crossval.py --data DIR --weights FILE [--folds K] [--epochs N] [--workers N]
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch

# This comes first, because without it torchvision from the package index does not load beside a torch for the CPU.
import busapp.engine.networks.layers.torchvision_setup

# isort: split
from sklearn.model_selection import StratifiedKFold
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models import mobilenet_v2

assert busapp.engine.networks.layers.torchvision_setup


class Step(NamedTuple):
    """A finished step: a batch of `images` for training or testing, the end of an epoch with its accuracies (the
    training accuracy is the running one), or something else."""

    kind: Literal["train", "test", "epoch", "other"]
    images: int = 0
    train_accuracy: float = 0.0
    test_accuracy: float = 0.0


def load_images(folder: Path, image_size: int = 224) -> ImageFolder:
    """The images of a folder of classes, transformed to the network's input."""
    transform = transforms.Compose(
        [
            transforms.Resize((image_size, image_size)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    return ImageFolder(str(folder), transform=transform)


def make_model(n_classes: int, weights: Path) -> nn.Module:
    """MobileNetV2 with ImageNet weights (torchvision's `.pth`) and a new last layer."""
    model = mobilenet_v2()
    model.load_state_dict(torch.load(weights, weights_only=True))
    model.classifier[1] = nn.Linear(model.last_channel, n_classes)
    return model  # type: ignore[no-any-return]


def cross_validate(
    images: ImageFolder,
    folds: Sequence[tuple[Sequence[int], Sequence[int]]],
    weights: Path,
    *,
    epochs: int = 20,
    batch_size: int = 32,
    workers: int = 0,
) -> Iterator[Step]:
    """Cross-validate: for every fold, train on its first positions, and test on its second ones after every epoch."""
    for train, test in folds:
        model = make_model(len(images.classes), weights)
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
        train_loader = DataLoader(Subset(images, train), batch_size=batch_size, shuffle=True, num_workers=workers)
        test_loader = DataLoader(Subset(images, test), batch_size=batch_size, num_workers=workers)
        for _ in range(epochs):
            model.train()
            trained = 0
            for inputs, labels in train_loader:
                optimizer.zero_grad()
                outputs = model(inputs)
                loss = criterion(outputs, labels)
                loss.backward()
                optimizer.step()
                trained += (outputs.argmax(1) == labels).sum().item()
                yield Step("train", len(labels))
            model.eval()
            tested = 0
            for inputs, labels in test_loader:
                with torch.no_grad():
                    outputs = model(inputs)
                tested += (outputs.argmax(1) == labels).sum().item()
                yield Step("test", len(labels))
            yield Step("epoch", 0, trained / len(train), tested / len(test))


def main() -> None:
    """Cross-validate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of classes with images")
    parser.add_argument("--weights", type=Path, required=True, help="torchvision's mobilenet_v2-*.pth")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=0, help="processes that load images (default: 0)")
    arguments = parser.parse_args()
    images = load_images(arguments.data)
    splitter = StratifiedKFold(arguments.folds, shuffle=True, random_state=0)
    folds = [(train.tolist(), test.tolist()) for train, test in splitter.split(images.targets, images.targets)]
    done, began = 0, time.perf_counter()
    for step in cross_validate(images, folds, arguments.weights, epochs=arguments.epochs, workers=arguments.workers):
        done += step.images
        if step.kind == "epoch":
            speed = done / (time.perf_counter() - began)
            print(f"train {step.train_accuracy:.3f}, test {step.test_accuracy:.3f}, {speed:.1f} images/s", flush=True)


if __name__ == "__main__":
    main()
