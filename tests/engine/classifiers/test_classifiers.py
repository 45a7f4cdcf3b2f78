"""The network, where its weights come from, and the training loop."""

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from busapp.engine.classifiers import feature_store
from busapp.engine.classifiers.building import build, frozen_stages
from busapp.engine.classifiers.feature_store import FeatureStore, make_feature_store
from busapp.engine.classifiers.features import embed
from busapp.engine.classifiers.onnx_file import logits_of
from busapp.engine.classifiers.training import Learner, batches, class_weights
from busapp.engine.images.preprocessing import normalise
from busapp.engine.networks.layers.relu6 import InPlaceReLU6, replace_relu6
from busapp.engine.networks.layers.torchvision_setup import torchvision
from busapp.engine.networks.layers.weights import find_weights, read_weights
from busapp.engine.networks.mobilenet_v2 import MOBILENET_V2
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.recipes import RECIPES
from busapp.engine.utils.devices import device_name
from busapp.engine.utils.steps import run_to_end
from busapp.errors import BadInput, MissingWeights, TrainingDiverged


def tiny(**changes: Any) -> ValidateSettings:
    given = {"pretrained": False, "width": 0.25, "image_size": 32, "batch_size": 4, "learning_rate": 0.01}
    return ValidateSettings.model_validate({**given, **changes})


def some_pixels(n: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def weights() -> dict[str, torch.Tensor]:
    """Random weights in the shapes of the ImageNet weights."""
    torch.manual_seed(0)
    return torchvision.models.MobileNetV2().state_dict()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The places that are searched for weights, all empty, on a machine without a network connection."""
    monkeypatch.setattr("busapp.paths.resources_dir", lambda: tmp_path / "resources")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_weights_are_found_in_the_order_of_the_places(places: Path) -> None:
    with pytest.raises(MissingWeights, match=r"mobilenet_v2-b0353104\.pth.*weights.*--no-pretrained"):
        find_weights(MOBILENET_V2)
    in_cache = put(places / "torch" / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth")
    assert find_weights(MOBILENET_V2) == in_cache
    named = put(places / "named.pth")
    assert find_weights(MOBILENET_V2, named) == named
    in_resources = put(places / "resources" / "weights" / "mobilenet_v2_imagenet.safetensors")
    assert find_weights(MOBILENET_V2, named) == in_resources


def test_a_weights_file_that_is_not_there_is_named(places: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.pth"):
        find_weights(MOBILENET_V2, places / "gone.pth")


def test_weights_are_read_from_both_formats(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(weights, tmp_path / "w.pth")
    save_file(weights, tmp_path / "w.safetensors")
    one = build(3, ValidateSettings(weights_file=tmp_path / "w.pth"), seed=0)
    two = build(3, ValidateSettings(weights_file=tmp_path / "w.safetensors"), seed=0)
    for (name, first), (_, second) in zip(one.state_dict().items(), two.state_dict().items(), strict=True):
        assert torch.equal(first, second), name
        if name.startswith("features."):
            assert torch.equal(first, weights[name]), name


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def test_a_pickle_that_would_call_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.0.weight": Malicious()}, tmp_path / "torch.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Malicious()))
    for name in ("torch.pth", "plain.pth"):
        with pytest.raises(BadInput, match=name):
            read_weights(MOBILENET_V2, tmp_path / name)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["text.pth", "text.safetensors", "empty.pth", "list.pth", "other.pth"])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("no weights" if name.startswith("text") else "")
    if name == "list.pth":
        torch.save([1, 2], path)
    if name == "other.pth":
        torch.save({"features.0.0.weight": torch.zeros(3)}, path)
    with pytest.raises(BadInput, match=name):
        build(3, ValidateSettings(weights_file=path), seed=0)


def test_imagenet_weights_are_for_width_one() -> None:
    with pytest.raises(BadInput, match=r"width 1, not 0\.5"):
        build(3, ValidateSettings(width=0.5), seed=0)


def test_the_same_seed_builds_the_same_network_and_leaves_the_random_state() -> None:
    before = torch.get_rng_state()
    one, same, other = (build(3, tiny(), seed).state_dict()["classifier.1.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_stages_are_frozen_where_there_is_no_gpu() -> None:
    assert frozen_stages(ValidateSettings(), torch.device("cpu")) == 7
    assert frozen_stages(ValidateSettings(), torch.device("cuda")) == 0
    assert frozen_stages(ValidateSettings(pretrained=False), torch.device("cpu")) == 0
    assert frozen_stages(ValidateSettings(frozen_stages=3), torch.device("cuda")) == 3
    assert frozen_stages(ValidateSettings(recipe="careful"), torch.device("cuda")) == 4
    assert frozen_stages(ValidateSettings(recipe="careful", pretrained=False), torch.device("cpu")) == 0
    assert device_name(torch.device("cpu")) == "CPU"


def test_pixels_are_normalised_as_everywhere_else() -> None:
    pixels = some_pixels(3)
    found = build(2, tiny(), 0).normalised(torch.from_numpy(pixels))
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(found.numpy(), normalise(pixels))


@pytest.mark.parametrize(("n", "sizes"), [(8, [4, 4]), (9, [4, 5]), (10, [4, 4, 2]), (3, [3]), (1, [1]), (5, [5])])
def test_a_last_batch_of_one_joins_the_one_before(n: int, sizes: list[int]) -> None:
    cut = list(batches(np.arange(n), 4))
    assert [len(batch) for batch in cut] == sizes
    assert np.concatenate(cut).tolist() == list(range(n))


def test_a_rest_of_one_image_does_not_break_batch_normalisation() -> None:
    learner = Learner(2, tiny())
    store = run_to_end(learner.prepare(some_pixels(5)))
    score = run_to_end(learner.train_one_epoch(store, np.array([0, 1, 0, 1, 0]), np.arange(5), 1, 1))
    assert np.isfinite(score.loss)


def test_the_frozen_stem_stays_and_its_activations_stand_for_it() -> None:
    pixels, labels = some_pixels(8), np.arange(8) % 2
    learner = Learner(2, tiny(frozen_stages=7))
    before = {name: value.clone() for name, value in learner.stem.state_dict().items()}
    store = run_to_end(learner.prepare(pixels))
    assert store.kept is not None and store.kept.dtype == torch.float16
    assert store.kept.shape[:2] == (8, 1)
    run_to_end(learner.train_one_epoch(store, labels, np.arange(8), 1, 1))
    for name, value in learner.stem.state_dict().items():
        assert torch.equal(value, before[name]), name
    from_cache, _ = run_to_end(learner.evaluate(store, labels, np.arange(8)))
    from_pixels, _ = run_to_end(learner.evaluate(FeatureStore(pixels, 1, None), labels, np.arange(8)))
    with torch.no_grad():
        whole = learner.network.eval()(learner.network.normalised(torch.from_numpy(pixels))).numpy()
    assert from_cache == pytest.approx(whole, abs=2e-3)  # kept in half precision
    assert from_pixels == pytest.approx(whole, abs=1e-5)


def test_it_learns_and_begins_each_fold_where_the_protocol_says() -> None:
    bright = np.concatenate([some_pixels(8) // 4, 255 - some_pixels(8) // 4])
    labels, everything = np.repeat([0, 1], 8), np.arange(16)
    learner = Learner(2, tiny(batch_size=8, learning_rate=0.003))
    store = run_to_end(learner.prepare(bright))
    scores = [run_to_end(learner.train_one_epoch(store, labels, everything, 1, epoch)) for epoch in range(8)]
    assert scores[-1].loss < scores[0].loss

    trained = learner.arrays()["network/classifier.1.weight"]
    learner.begin_fold(carry_weights=True)
    assert not learner.optimizer.state
    assert np.array_equal(learner.arrays()["network/classifier.1.weight"], trained)
    learner.begin_fold(carry_weights=False)
    assert not np.array_equal(learner.arrays()["network/classifier.1.weight"], trained)
    assert run_to_end(learner.train_one_epoch(store, labels, everything, 1, 0)).loss == scores[0].loss


def test_defaults_of_a_later_torch_change_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    as_now = Learner(3, tiny()).optimizer.state_dict()["param_groups"]
    other = (0.1, (0.5, 0.5), 0.1, 0.1, True)
    assert len(other) == len(torch.optim.AdamW.__init__.__defaults__ or ())
    monkeypatch.setattr(torch.optim.AdamW.__init__, "__defaults__", other)
    assert Learner(3, tiny()).optimizer.state_dict()["param_groups"] == as_now


def test_a_loss_that_is_not_a_number_ends_the_training_with_a_remedy() -> None:
    learner = Learner(2, tiny(learning_rate=1.0))
    store = run_to_end(learner.prepare(some_pixels(8)))
    with torch.no_grad():
        learner.network.get_parameter("classifier.1.bias").fill_(float("inf"))
    with pytest.raises(TrainingDiverged, match="learning rate below 1"):
        run_to_end(learner.train_one_epoch(store, np.arange(8) % 2, np.arange(8), 1, 1))
    with pytest.raises(TrainingDiverged, match="finite"):
        run_to_end(learner.evaluate(store, np.arange(8) % 2, np.arange(8)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_learner_goes_on_from_its_arrays_with_the_same_numbers(recipe: str) -> None:
    labels, everything = np.arange(8) % 2, np.arange(8)

    def epoch(learner: Learner, number: int) -> float:
        store = run_to_end(learner.prepare(some_pixels(8)))
        return run_to_end(learner.train_one_epoch(store, labels, everything, 1, number)).loss

    learner, other = Learner(2, tiny(recipe=recipe)), Learner(2, tiny(recipe=recipe))
    other.begin_fold(carry_weights=False)
    with torch.no_grad():
        other.network.get_parameter("classifier.1.bias").add_(1.0)
    epoch(learner, 1)
    other.restore(learner.arrays())
    assert [epoch(learner, n) for n in (2, 3)] == [epoch(other, n) for n in (2, 3)]


@pytest.mark.parametrize("stages", [0, 7])
def test_a_store_that_is_too_large_makes_the_same_views_when_they_are_asked_for(
    stages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner(2, tiny(recipe="careful", frozen_stages=stages))
    images, views = np.array([3, 0, 3, 5]), np.array([0, 1, 4, 9])
    kept = run_to_end(learner.prepare(some_pixels(6)))
    monkeypatch.setattr(feature_store, "MAX_BYTES", 1)
    made = run_to_end(learner.prepare(some_pixels(6)))
    assert kept.kept is not None and made.kept is None and kept.views == made.views == 10
    learner.rest.eval()
    with torch.no_grad():
        answers = [learner._logits(learner.rest, store, images, views).numpy() for store in (kept, made)]
    assert answers[0] == pytest.approx(answers[1], abs=2e-3)

    joined = kept.joined(run_to_end(learner.prepare(some_pixels(6))))
    assert joined.kept is None and joined.appended is not None and joined.appended.kept is None


@pytest.mark.parametrize("limits", [(10**9, 10**9), (10**9, 0), (0, 0)])
def test_joined_stores_give_what_each_gives_and_copy_nothing(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3)).astype(np.uint8)
    parts = []
    for images, limit in zip((pixels[:6], pixels[6:]), limits, strict=True):
        monkeypatch.setattr("busapp.engine.classifiers.feature_store.MAX_BYTES", limit)
        parts.append(run_to_end(make_feature_store(images, 3, None, torch.device("cpu"))))
    joined = parts[0].joined(parts[1])
    expected = FeatureStore(pixels, 3, None)
    for positions in ([8, 0, 6, 5, 5], [1, 2], [7]):
        views = np.arange(len(positions)) % 3
        assert torch.equal(joined.take(np.array(positions), views), expected.take(np.array(positions), views))
    assert joined.appended is not None and np.shares_memory(joined.pixels, pixels)
    assert limits[1] == 0 or joined.kept is parts[0].kept


def test_a_mirrored_test_is_the_mean_over_an_image_and_its_mirror_image() -> None:
    pixels, labels, everything = some_pixels(4), np.array([0, 1, 0, 1]), np.arange(4)
    pixels[:2, :, :16] //= 4
    learner = Learner(2, tiny(mirrored_test=True))
    store = run_to_end(learner.prepare(pixels))
    for epoch in range(1, 20):  # the logits of an untrained network are nearly zero
        run_to_end(learner.train_one_epoch(store, labels, everything, 1, epoch))
    logits, _ = run_to_end(learner.evaluate(store, labels, everything))
    plain, mirrored = (logits_of(learner.network, np.ascontiguousarray(p)) for p in (pixels, pixels[:, :, ::-1]))
    assert not np.allclose(plain, mirrored, atol=1e-4)
    assert logits == pytest.approx((plain + mirrored) / 2, abs=1e-5)
    assert logits_of(learner.network, pixels, mirrored=True) == pytest.approx(logits, abs=1e-5)


def test_averaged_weights_are_tested_and_follow_the_trained_ones() -> None:
    learner = Learner(2, tiny(weight_averaging=0.9))
    store, labels, everything = run_to_end(learner.prepare(some_pixels(8))), np.arange(8) % 2, np.arange(8)
    run_to_end(learner.train_one_epoch(store, labels, everything, 1, 1))
    trained, tested, first = (
        network["classifier.1.weight"]
        for network in (learner.network.state_dict(), learner.tested.state_dict(), learner._first)
    )
    assert not torch.equal(trained, tested)
    assert (tested - first).norm() < (trained - first).norm()
    with torch.no_grad():
        learner.network.get_parameter("classifier.1.weight").zero_()
    assert np.ptp(run_to_end(learner.evaluate(store, labels, everything))[0]) > 0  # the tested weights have not changed
    learner.begin_fold(carry_weights=False)
    assert torch.equal(learner.tested.state_dict()["classifier.1.weight"], first)


def test_the_careful_recipe_is_trained_as_it_says() -> None:
    learner = Learner(2, tiny(recipe="careful", epochs=4, learning_rate=0.01))
    labels = np.array([0] * 9 + [1])
    store = run_to_end(learner.prepare(some_pixels(10)))
    rates = []
    for epoch in (1, 2, 3, 4):
        for _ in learner.train_one_epoch(store, labels, np.arange(10), 1, epoch):
            rates.append(learner.optimizer.param_groups[0]["lr"])
    assert max(rates) <= 0.01 and rates[-1] < 0.002 and rates[0] < max(rates)
    decays = {group["weight_decay"]: group["params"] for group in learner.optimizer.param_groups}
    assert all(parameter.ndim == 1 for parameter in decays[0.0]) and decays[RECIPES["careful"].weight_decay]
    weights = class_weights(labels, 2, learner.recipe.class_weighting).numpy()
    assert weights[1] / weights[0] == pytest.approx(3.0)  # the square root of nine
    assert weights[labels].mean() == pytest.approx(1.0)


def test_relu6_without_its_copy_learns_the_same_to_the_last_bit() -> None:
    torch.manual_seed(0)
    plain = torchvision.models.MobileNetV2(num_classes=3, width_mult=0.25).to(memory_format=torch.channels_last)
    other = copy.deepcopy(plain)
    replace_relu6(other)
    assert sum(isinstance(module, InPlaceReLU6) for module in other.modules()) == 35
    images = torch.randn(4, 3, 64, 64).to(memory_format=torch.channels_last) * 3
    for network in (plain, other):
        torch.manual_seed(1)
        network(images).square().sum().backward()
    for expected, found in zip(plain.parameters(), other.parameters(), strict=True):
        assert expected.grad is not None and torch.equal(expected.grad, found.grad)
    with torch.no_grad():
        assert torch.equal(plain.eval()(images), other.eval()(images))


def test_embedded_images_of_any_size(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(weights, tmp_path / "w.safetensors")
    pixels = some_pixels(3, size=48)
    features = embed(pixels, tmp_path / "w.safetensors")
    assert features.shape == (3, 1280) and features.dtype == np.float32
    assert np.isfinite(features).all() and (features >= 0).all()
    assert embed(pixels[:0], tmp_path / "w.safetensors").shape == (0, 1280)
