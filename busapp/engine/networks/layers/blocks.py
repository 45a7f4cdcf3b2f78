"""Blocks of networks that torchvision does not have."""

from torch import Tensor, nn


def convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that pads all sides equally."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2016, figure 2), (n, channels, h, w) to the same shape."""

    def __init__(self, channels: int, *, bias: bool = False) -> None:
        super().__init__()
        self.path = nn.Sequential(
            convolution(channels, channels, 3, bias=bias),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            convolution(channels, channels, 3, bias=bias),
            nn.BatchNorm2d(channels),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.activation(self.path(values) + values)
        return found


class OnGrid(nn.Module):
    """Maps (n, c, h, w) on the grid of others, by linear interpolation, or on a grid `finer` by a whole factor."""

    def __init__(self, finer: int = 1) -> None:
        super().__init__()
        self.finer = finer

    def forward(self, maps: Tensor, others: Tensor) -> Tensor:
        grid = [self.finer * side for side in others.shape[2:]]
        return nn.functional.interpolate(maps, size=grid, mode="bilinear")


class Channels(nn.Module):
    """Some of the channels of maps (n, c, h, w), from `begin` to before `end`."""

    def __init__(self, begin: int, end: int | None) -> None:
        super().__init__()
        self.begin, self.end = begin, end

    def forward(self, maps: Tensor) -> Tensor:
        return maps[:, self.begin : self.end]


class MobileBlock(nn.Module):
    """An inverted residual block of EfficientNet-Lite, whose strided convolutions pad as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, *, widened: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * widened
        self.path = nn.Sequential(
            *([nn.Conv2d(inputs, inner, 1, bias=False), *_normalised(inner)] if widened > 1 else []),
            *padded_convolution(inner, inner, kernel, stride, groups=inner),
            *_normalised(inner),
            nn.Conv2d(inner, outputs, 1, bias=False),
            lite_normalisation(outputs),
        )
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.path(values)
        return found + values if self.has_shortcut else found


def padded_convolution(
    inputs: int, outputs: int, kernel: int, stride: int, *, groups: int = 1, bias: bool = False
) -> list[nn.Module]:
    """A convolution padded as TensorFlow's `same` pads pictures whose sides are multiples of the stride."""
    padding = kernel - stride
    before, after = padding // 2, padding - padding // 2
    inside = nn.Conv2d(inputs, outputs, kernel, stride, before if before == after else 0, groups=groups, bias=bias)
    return [inside] if before == after else [nn.ZeroPad2d((before, after, before, after)), inside]


def lite_normalisation(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the constants of EfficientNet-Lite."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _normalised(channels: int) -> list[nn.Module]:
    return [lite_normalisation(channels), nn.ReLU6(inplace=True)]
