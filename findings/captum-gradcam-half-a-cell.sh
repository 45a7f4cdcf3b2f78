#!/usr/bin/env bash
# Captum 0.8.0: Grad-CAM is enlarged as if cell i of a feature map covered the pixels from 32 i to 32 (i + 1). In
# MobileNetV2, ResNet and most other networks, the convolutions of stride 2 are padded by 1. There, the middle of the
# field that cell i looks at is pixel 32 i. So the map over the image lies 15.5 pixels, half a cell, too far right and
# down. On a lesion of 40 pixels, that is the difference between inside and beside. The same holds wherever the map is
# enlarged with align_corners=False, cv2.resize or PIL, as Grad-CAM packages do.
#
# Seen: a spot around pixel 64 is shown at 79.5, 96 at 111.5, 128 at 143.5
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check captum==0.8.0 torch==2.13.0 numpy==1.26.4
cd "$work"
"$work/venv/bin/python" - <<'PY'
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

features = nn.Sequential()
for _ in range(5):
    convolution = nn.Conv2d(1, 1, 3, stride=2, padding=1, bias=False)
    nn.init.constant_(convolution.weight, 1 / 9)
    features.extend([convolution, nn.ReLU()])


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = features

    def forward(self, images):
        return self.features(images).amax((2, 3))


network, positions = Network(), torch.arange(224.0)
for middle in (64, 96, 128):
    image = torch.zeros(1, 1, 224, 224)
    image[..., middle - 4 : middle + 5, middle - 4 : middle + 5] = 1
    found = LayerGradCam(network, network.features).attribute(image, 0)
    shown = LayerAttribution.interpolate(found, (224, 224), "bilinear")[0, 0].detach()
    across, down = ((shown.sum(axis) * positions).sum() / shown.sum() for axis in (0, 1))
    print(f"a spot around pixel {middle} is shown at {across:.1f}, {down:.1f}")
    assert abs(across - middle - 15.5) < 0.1 and abs(down - middle - 15.5) < 0.1, "maps lie elsewhere now"
PY
