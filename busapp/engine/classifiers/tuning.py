"""Finds the weights of a small perceptron: with a swarm of cats, with Adam, or at random.

All three may evaluate the perceptron equally often, so that they can be compared.

Cats: Chu, Tsai and Pan 2006, "Cat swarm optimization"; `CatSwarmOptimization` of niapy 2.7.1 with its defaults. Most of
niapy's cats move by growing or shrinking their coordinates by a share, so that they favour positions near the origin
(`findings/niapy-cats-near-the-origin.sh`): here, small weights.
"""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from busapp.engine.networks.layers.heads import Perceptron, perceive

Position = npt.NDArray[np.float64]
BOX: Final = 3.0
"""Weights are searched in [-BOX, BOX], in multiples of one by the root of the number of inputs of their layer."""
_AT_ONCE: Final = 10

Steps = Generator[int, None, dict[str, Tensor]]
Loss = Callable[[Tensor], Tensor]
"""From logits (n, classes) to the mean loss."""


@dataclass(frozen=True)
class Problem:
    """A perceptron to tune: its standardised training `features` float32 (n, k), the number of classes, and its
    `loss`."""

    features: Tensor
    n_classes: int
    loss: Loss

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return Perceptron.shapes(self.features.shape[1], self.n_classes)

    @property
    def dimension(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def weights(self, position: Position) -> dict[str, Tensor]:
        """The weights at a position (dimension,), by buffer of `Perceptron`."""
        found, begin = {}, 0
        inputs = self.features.shape[1]
        for name, shape in self.shapes.items():
            count = int(np.prod(shape))
            inputs = inputs if name.startswith("inner") else self.shapes["outer"][1]
            part = position[begin : begin + count].reshape(shape) / np.sqrt(inputs)
            found[name] = torch.from_numpy(part.astype(np.float32))
            begin += count
        return found

    def value(self, weights: dict[str, Tensor]) -> Tensor:
        """The loss with these weights."""
        return self.loss(perceive(self.features, **weights))


class Best:
    """The best position among those that were evaluated."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.evaluations, self.loss = 0, float("inf")
        self.position = np.zeros(problem.dimension)

    def evaluate(self, position: Position) -> float:
        """The loss at a position (dimension,)."""
        with torch.no_grad():
            loss = float(self.problem.value(self.problem.weights(position)))
        self.evaluations += 1
        if loss < self.loss:
            self.loss, self.position = loss, position.copy()
        return loss


def tune(tuner: str, problem: Problem, evaluations: int, seed: int, *, rate: float, decay: float) -> Steps:
    """The best weights that a tuner (`FeatureMethod.tuner`) finds with this number of evaluations, by buffer of
    `Perceptron`. Yields the number of evaluations that are done.

    `rate` and `decay` are Adam's learning rate and weight decay.
    """
    match tuner:
        case "cats":
            return (yield from with_cats(problem, evaluations, seed))
        case "random":
            return (yield from at_random(problem, evaluations, seed))
        case _:
            return (yield from with_adam(problem, evaluations, seed, rate=rate, decay=decay))


def with_cats(problem: Problem, evaluations: int, seed: int) -> Steps:
    """Cat swarm optimisation."""
    best = Best(problem)
    task, cats = _swarm(best, evaluations, seed)
    population, losses, more = cats.init_population(task)
    found, lowest = cats.get_best(population, losses)
    while not task.stopping_condition():
        yield best.evaluations
        population, losses, found, lowest, more = cats.run_iteration(task, population, losses, found, lowest, **more)
    return problem.weights(best.position)


def _swarm(best: Best, evaluations: int, seed: int) -> tuple[Any, Any]:
    """niapy's task and its cats."""
    handlers = logging.getLogger().handlers[:]
    from niapy.algorithms.basic import CatSwarmOptimization
    from niapy.problems import Problem as NiapyProblem
    from niapy.task import Task

    for handler in set(logging.getLogger().handlers) - set(handlers):
        logging.getLogger().removeHandler(handler)  # niapy lets every logger write to the terminal

    class _Perceptron(NiapyProblem):  # type: ignore[misc]
        def _evaluate(self, x: Position) -> float:
            return best.evaluate(x)

    cats = CatSwarmOptimization(seed=seed)
    problem = _Perceptron(dimension=best.problem.dimension, lower=-BOX, upper=BOX)
    return Task(problem=problem, max_evals=evaluations), cats


def at_random(problem: Problem, evaluations: int, seed: int) -> Steps:
    """Random search in the box of the cats."""
    best, rng = Best(problem), np.random.default_rng(seed)
    while best.evaluations < evaluations:
        best.evaluate(rng.uniform(-BOX, BOX, problem.dimension))
        if best.evaluations % _AT_ONCE == 0:
            yield best.evaluations
    return problem.weights(best.position)


def with_adam(problem: Problem, evaluations: int, seed: int, *, rate: float, decay: float) -> Steps:
    """Adam on all training images at once, from a position in [-1, 1], as torch begins its layers. Each evaluation is a
    step. Returns the weights after the last one."""
    rng = np.random.default_rng(seed)
    begun = problem.weights(rng.uniform(-1, 1, problem.dimension))
    weights = {name: value.requires_grad_(True) for name, value in begun.items()}
    optimizer = torch.optim.AdamW(list(weights.values()), lr=rate, weight_decay=decay)
    for number in range(evaluations):
        optimizer.zero_grad(set_to_none=True)
        problem.value(weights).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if number % _AT_ONCE == 0:
            yield number
    return {name: value.detach() for name, value in weights.items()}
