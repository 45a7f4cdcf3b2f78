"""The registry in words, for `busapp networks`."""

from collections.abc import Iterable
from typing import TypedDict

from busapp.engine.networks.registry import NETWORKS


class ListedNetwork(TypedDict):
    """A network as `busapp networks --json` gives it. `weights` is the file with its ImageNet weights, None if it is
    always trained from scratch. `members` are the networks whose features it takes, if it is not trained itself.
    `differs` says how it differs from the published network; it may be empty."""

    name: str
    title: str
    source: str
    parameters: int
    stages: int
    least_size: int
    weights: str | None
    members: list[str]
    differs: str


def listed() -> list[ListedNetwork]:
    """All networks of the registry."""
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "source": entry.source,
            "parameters": entry.parameters,
            "stages": entry.stages,
            "least_size": entry.least_size,
            "members": [member.name for member in entry.features.members] if entry.features else [],
            "weights": entry.weights.file_name if entry.weights else None,
            "differs": entry.differs,
        }
        for entry in NETWORKS.values()
    ]


def list_lines(networks: Iterable[ListedNetwork]) -> list[str]:
    """Lines for people, two or three for each network."""
    lines = []
    for entry in networks:
        start = f"ImageNet weights: {entry['weights']}" if entry["weights"] else "Trained from scratch"
        of_members = f"features of {', '.join(entry['members'])}, which keep their ImageNet weights"
        size = of_members if entry["members"] else f"{entry['parameters'] / 1e6:.1f} million weights. {start}"
        lines.append(f"{entry['name']}: {entry['title']}, {size}.")
        lines.append(f"    {entry['source']}.")
        lines += [f"    {entry['differs']}"] if entry["differs"] else []
    return lines
