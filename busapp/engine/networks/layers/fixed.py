"""Parts of networks that keep their weights."""

from typing import Self

from torch import nn


class Fixed(nn.Module):
    """A module that is never trained: always in evaluation mode, its weights are buffers."""

    def fix(self) -> Self:
        """Turn all weights into buffers, which no optimiser sees. To be called when all parts are there."""
        for part in self.modules():
            for name, weight in list(part.named_parameters(recurse=False)):
                delattr(part, name)
                part.register_buffer(name, weight.detach().clone())
        return self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode."""
        return super().train(False)
