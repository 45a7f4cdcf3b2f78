#!/usr/bin/env bash
# torch 2.13.0 (CPU): fused AdamW assumes that its state lies in memory in the order of the parameter. Every file format
# of arrays returns plain (C-ordered) arrays. If a network in channels_last continues with an optimiser state restored
# from them, it trains with wrong numbers, without an error or a warning. The plain AdamW is not affected.
#
# Seen:
#   fused=False  restored in C order: largest difference after one step 0.0
#   fused=True   restored in C order: largest difference after one step 0.0177
#   fused=True   restored in the parameter's own order: 0.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import torch

assert torch.__version__.startswith("2.13.0"), torch.__version__


def convolution():
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)


def step(network, optimiser):
    torch.manual_seed(1)
    images = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    optimiser.zero_grad()
    network(images).square().mean().backward()
    optimiser.step()


def difference(fused, order):
    """Train three steps, restore a second network and its optimiser, train both one step more."""
    first = convolution()
    optimiser = torch.optim.AdamW(first.parameters(), lr=0.01, fused=fused)
    for _ in range(3):
        step(first, optimiser)
    second = convolution()
    second.load_state_dict(first.state_dict())
    restored = torch.optim.AdamW(second.parameters(), lr=0.01, fused=fused)
    kept = optimiser.state_dict()
    state = {k: {n: t.clone(memory_format=order) for n, t in s.items()} for k, s in kept["state"].items()}
    restored.load_state_dict({"state": state, "param_groups": kept["param_groups"]})
    step(first, optimiser)
    step(second, restored)
    return max((a - b).abs().max().item() for a, b in zip(first.parameters(), second.parameters()))


plain, fused = (difference(fused, torch.contiguous_format) for fused in (False, True))
own_order = difference(True, torch.preserve_format)
print(f"fused=False  restored in C order: largest difference after one step {plain:.4f}")
print(f"fused=True   restored in C order: largest difference after one step {fused:.4f}")
print(f"fused=True   restored in the parameter's own order: {own_order:.4f}")
assert plain == 0 and own_order == 0, "the references changed"
assert fused > 0.001, "fused AdamW no longer depends on the memory order of its state"
PY
