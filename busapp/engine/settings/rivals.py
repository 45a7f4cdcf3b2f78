"""Settings of the job that compares a network that is fused with a GAN's discriminator with its rivals."""

from collections.abc import Collection
from typing import Annotated

from pydantic import field_validator

from busapp.engine.networks.registry import FUSED, NETWORKS, FusedName
from busapp.engine.settings.base import setting
from busapp.engine.settings.series import Pair, SideBySideSettings
from busapp.engine.settings.validation import ValidateSettings


class RivalsSettings(SideBySideSettings):
    """Compare GAN-ResNet with its rivals on the same folds: a plain CNN, the ResNet alone, the GAN's discriminator
    alone, the ResNet with synthetic images, and GAN-ResNet without and with them. The differences show what the GAN's
    images and the fusion are each worth. Matching runs of the study are reused."""

    kind = "rivals"
    label = "Rivals"
    skips_idle = True

    network: Annotated[
        FusedName,
        setting(
            "Network",
            "The network that is compared with its rivals. It is fused with the discriminator of a GAN.",
            paper=f"{NETWORKS[FUSED[0]].title} (Zion and Tripathy).",
        ),
    ] = FUSED[0]

    @field_validator("frozen_stages")
    @classmethod
    def _fits_all(cls, value: int | None) -> int | None:
        """Refuse a number of stages: it would be another part of each network."""
        if value:
            raise ValueError("the networks differ in their stages, and none has ImageNet weights; leave it empty")
        return value

    @property
    def subject(self) -> str:
        return f"{self._validation(system='system2').protocol_in_words}{self.particulars}"

    @property
    def columns(self) -> dict[str, ValidateSettings]:
        rivals = NETWORKS[self.network].rivals
        assert rivals is not None
        parts = [(rivals.plain, "system1"), (rivals.alone, "system1"), (rivals.discriminator, "system1")]
        parts += [(rivals.alone, "system2"), (self.network, "system1"), (self.network, "system2")]
        return {
            _title(network, with_images=system == "system2"): self._validation(network=network, system=system)
            for network, system in parts
        }

    def pairs(self, titles: Collection[str]) -> list[Pair]:
        rivals = NETWORKS[self.network].rivals
        assert rivals is not None
        plain, alone, fused = (_title(name, with_images=False) for name in (rivals.plain, rivals.alone, self.network))
        alone_drawn, fused_drawn = (_title(name, with_images=True) for name in (rivals.alone, self.network))
        if not {alone_drawn, fused_drawn} <= set(titles):
            return [Pair("Fusion", alone, fused), Pair(f"Fusion, against {plain}", plain, fused)]
        return [
            Pair("Synthetic images, without fusion", alone, alone_drawn),
            Pair("Synthetic images, with fusion", fused, fused_drawn),
            Pair("Fusion, without synthetic images", alone, fused),
            Pair("Fusion, with synthetic images", alone_drawn, fused_drawn),
            Pair("Both together", alone, fused_drawn),
            Pair(f"Both together, against {plain}", plain, fused_drawn),
        ]


def _title(network: str, *, with_images: bool) -> str:
    """`GAN-ResNet + synthetic images`."""
    return f"{NETWORKS[network].title}{' + synthetic images' if with_images else ''}"
