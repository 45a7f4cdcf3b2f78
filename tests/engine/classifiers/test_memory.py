"""The memory that a training takes is told before it begins."""

import pytest
import torch
from torch import nn

from busapp.engine import jobs
from busapp.engine.classifiers import memory
from busapp.engine.classifiers.memory import bytes_free, bytes_needed
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def test_maps_count_for_each_image_and_weights_once() -> None:
    rest = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1))
    example = torch.zeros(1, 3, 10, 10)
    maps, weights = 8 * 10 * 10 + 8, 3 * 8
    for batch in (1, 32):
        assert bytes_needed(rest, example, batch) == pytest.approx(1.2 * 4 * (batch * maps + 4 * weights))
    assert rest.training, "it is as it was"


def test_a_network_too_large_for_the_memory_is_refused_before_images_are_read(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = bytes_free(torch.device("cpu"))
    assert free > 50_000_000
    settings = ValidateSettings(network="vgg-16", image_size=512, batch_size=512, pretrained=False, folds=2, epochs=1)
    monkeypatch.setattr(memory, "bytes_free", lambda _: min(free, 4_000_000_000))
    with pytest.raises(BadInput, match=r"VGG-16 needs about \d+\.\d GB .* 512 images of 512×512 pixels at once, and"):
        list(jobs.start(phantom_study, settings))
