"""Classifiers on the features of several networks: hybrid and edlcds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pulling import gather, pull, result_of, texts
from pydantic import ValidationError
from safetensors.torch import save_file

from busapp import cli
from busapp.engine import jobs
from busapp.engine.classifiers.activation_maps import look
from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.feature_learner import FeatureLearner
from busapp.engine.classifiers.onnx_file import logits_of, write_onnx
from busapp.engine.events import EpochEnded, FoldEnded, Progress
from busapp.engine.networks.entry import Options
from busapp.engine.networks.layers.feature_network import FeatureNetwork
from busapp.engine.networks.registry import MEMBERS, NETWORKS, beside_the_paper
from busapp.engine.results.measured import Measured
from busapp.engine.settings import ExportSettings, LeaksSettings, OptimizersSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, CannotResume
from busapp.summaries import summary

NAMES = ["hybrid", "hybrid-knn", "edlcds", "edlcds-adam", "edlcds-random"]
SIZE = 64


def settings_of(name: str = "hybrid", **changes: Any) -> ValidateSettings:
    given = {
        "network": name,
        "feature_networks": ("squeezenet", "cnn"),
        "selected_features": 12,
        "neighbours": 3,
        "evaluations": 150,
        "pretrained": False,
        "image_size": SIZE,
        "folds": 2,
    }
    return ValidateSettings.model_validate({**given, **changes})


def some_pixels(n: int) -> np.ndarray:
    """Images uint8 (n, SIZE, SIZE, 3) of three classes in turn, which differ in brightness."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 120, (n, SIZE, SIZE, 3)) + 60 * (np.arange(n) % 3)[:, None, None, None]
    return pixels.astype(np.uint8)


def fitted(name: str, n: int = 30, **changes: Any) -> tuple[FeatureLearner, np.ndarray]:
    """A learner that was fitted on `n` images, and their pixels."""
    pixels, learner = some_pixels(n), FeatureLearner(3, settings_of(name, **changes))
    _, store = gather(learner.prepare(pixels))
    gather(learner.train_one_epoch(store, np.arange(n) % 3, np.arange(n), 1, 1))
    return learner, pixels


# -- a whole study -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hybrid", "edlcds"])
def test_a_study_is_validated_resumed_exported_and_diagnosed(name: str, phantom_study: Workspace) -> None:
    from busapp.engine.diagnosis.diagnosis import Diagnoser
    from busapp.engine.export.final_model import train_final
    from busapp.engine.models.model import Model

    settings = settings_of(name)
    whole = result_of(pull(jobs.start(phantom_study, settings)))
    stopped = jobs.start(phantom_study, settings)
    pull(stopped, until=lambda event: isinstance(event, FoldEnded))
    run = phantom_study.runs("validate")[0]
    job = jobs.resume(phantom_study, run.id)
    resumed_events = list(job)
    assert {event.fold for event in resumed_events if isinstance(event, EpochEnded)} == {2}, "the first fold was kept"
    without = [{key: v for key, v in one.items() if key != "seconds"} for one in (whole, result_of(resumed_events))]
    assert without[0] == without[1]
    assert whole["epochs"] == 1 and whole["feature_networks"] == ["squeezenet", "cnn"]
    of = "features of untrained SqueezeNet 1.1 and untrained Plain CNN"
    assert NETWORKS[name].title in run.info.name and of in run.info.name
    said = summary("validate", whole)
    assert of in said[0] and "published, for reference" in said[1] and "Plain CNN" in said[2]

    exported = result_of(pull(jobs.start(phantom_study, ExportSettings(run=run.id, format="onnx"))))
    assert exported["agreement"][0]["largest_difference"] < 1e-3
    model = Model.load(Path(exported["model"]))
    found = Diagnoser(model).diagnose(phantom_study.image_path(phantom_study.catalog.images()[0]))
    assert set(found.probabilities) == {"benign", "malignant", "normal"} and found.heat_map.max() <= 1
    _, kept = gather(train_final(phantom_study, run))
    pixels = settings.preprocessing.load([phantom_study.image_path(one) for one in phantom_study.catalog.images()])
    assert logits_of(kept, pixels) == pytest.approx(model.run(pixels).logits, abs=1e-3), "the kept network has its head"


def test_a_fold_that_was_stopped_midway_is_fitted_again(phantom_study: Workspace) -> None:
    settings = settings_of("edlcds-random", evaluations=400)
    whole = result_of(pull(jobs.start(phantom_study, settings)))
    seen = []

    def is_searching(event: object) -> bool:
        seen.extend([event] if isinstance(event, Progress) and "fold 2" in event.what else [])
        return len(seen) > 3

    pull(jobs.start(phantom_study, settings), until=is_searching)
    run = phantom_study.runs("validate")[0]
    resumed = result_of(list(jobs.resume(phantom_study, run.id)))
    assert resumed["confusion"] == whole["confusion"] and resumed["calibration"] == whole["calibration"]


def test_nearest_neighbours_have_no_heat_maps_and_are_not_exported(phantom_study: Workspace) -> None:
    result_of(pull(jobs.start(phantom_study, settings_of("hybrid-knn"))))
    run = phantom_study.runs("validate")[0]
    for wanted in ("onnx", "tflite"):
        with pytest.raises(BadInput, match="cannot be exported, because it has no heat maps"):
            list(jobs.start(phantom_study, ExportSettings(run=run.id, format=wanted)))


def test_random_weights_are_never_taken_for_those_of_imagenet(phantom_study: Workspace) -> None:
    settings = settings_of("hybrid", feature_networks=("squeezenet", "cnn"))
    assert settings.network_in_words.endswith("features of untrained SqueezeNet 1.1 and untrained Plain CNN")
    pretrained = settings.model_copy(update={"pretrained": True})
    assert pretrained.network_in_words.endswith("features of SqueezeNet 1.1 and untrained Plain CNN")
    result = result_of(list(jobs.start(phantom_study, settings)))
    run = phantom_study.runs("validate")[0]
    assert result["with_weights"] is False and "untrained SqueezeNet 1.1" in Measured.of(run).title
    assert "untrained SqueezeNet 1.1" in summary("validate", result)[0]


def test_optimisers_are_not_compared_where_none_trains() -> None:
    with pytest.raises(ValidationError, match="no optimiser trains Hybrid with SVM"):
        OptimizersSettings(network="hybrid")


def test_other_formats_are_refused_before_anything_is_trained(phantom_study: Workspace) -> None:
    pull(jobs.start(phantom_study, settings_of()))
    run = phantom_study.runs("validate")[0]
    with pytest.raises(BadInput, match="can be exported as ONNX only"):
        list(jobs.start(phantom_study, ExportSettings(run=run.id, format="tflite")))
    assert not (run.folder / "final.safetensors").exists()


def test_changed_weights_are_noticed_on_resuming(phantom_study: Workspace, tmp_path: Path) -> None:
    from busapp.engine.networks.layers.torchvision_setup import torchvision

    path = tmp_path / "squeezenet1_1.safetensors"
    settings = settings_of(pretrained=True, weights_file=tmp_path)
    for seed in (1, 2):
        torch.manual_seed(seed)
        save_file(torchvision.models.squeezenet1_1().state_dict(), path)
        if seed == 1:
            pull(jobs.start(phantom_study, settings), until=lambda event: isinstance(event, FoldEnded))
    with pytest.raises(CannotResume, match="have other weights than when it began"):
        list(jobs.resume(phantom_study, phantom_study.runs("validate")[0].id))


# -- the network and its heads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_head_learns_and_its_maps_are_gradients(name: str) -> None:
    learner, pixels = fitted(name)
    network, method = learner.tested, learner.method
    normal = network.normalised(torch.from_numpy(pixels[:4]))
    with torch.no_grad():
        logits, maps, pooled, _ = look(network, normal, mirrored=False)
        last = network.features(normal)
        assert torch.allclose(network(normal), logits, atol=1e-5)
    pooled.requires_grad_(True)
    for of_class in range(3):
        answers = network.classifier(pooled)[:, of_class]
        gradient = torch.autograd.grad(answers.sum(), pooled, allow_unused=True)[0] if answers.requires_grad else None
        expected = torch.zeros_like(maps[:, of_class])
        if gradient is not None and method.has_heat_maps:
            expected = torch.einsum("nc,nchw->nhw", gradient, last)
            assert expected.abs().max() > 0
        assert torch.allclose(maps[:, of_class], expected, atol=1e-4 * max(1.0, float(expected.abs().max())))


def test_an_svm_separates_what_can_be_separated() -> None:
    learner, pixels = fitted("hybrid")
    assert (logits_of(learner.tested, pixels).argmax(1) == np.arange(30) % 3).all()
    from sklearn.svm import SVC

    standard = learner.head.standardised(learner._features(torch.from_numpy(pixels)).flatten(1)).numpy()
    machine = SVC(C=1.0, gamma="scale").fit(standard, np.arange(30) % 3 == 1)
    assert logits_of(learner.tested, pixels)[:, 1] == pytest.approx(machine.decision_function(standard), abs=0.02)


def test_neighbours_vote() -> None:
    learner, pixels = fitted("hybrid-knn", neighbours=3)
    standard = learner.head.standardised(learner._features(torch.from_numpy(pixels)).flatten(1)).numpy()
    for row, logits in zip(standard, logits_of(learner.tested, pixels), strict=True):
        nearest = np.argsort(((standard - row) ** 2).sum(1), kind="stable")[:3]
        votes = np.bincount(nearest % 3, minlength=3)
        assert logits == pytest.approx(np.log((votes + 1) / 6), abs=1e-5)


@pytest.mark.parametrize(("name", "mirrored"), [("hybrid", True), ("edlcds-adam", False)])
def test_the_onnx_file_answers_as_the_network(name: str, mirrored: bool, tmp_path: Path) -> None:
    import onnxruntime

    learner, pixels = fitted(name)
    write_onnx(learner.tested, tmp_path / "m.onnx", SIZE, {"format": 1}, mirrored=mirrored)
    session = onnxruntime.InferenceSession((tmp_path / "m.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    logits, maps = session.run(None, {"pixels": pixels[:5]})
    assert session.run(None, {"pixels": pixels[:1]})[0].shape == (1, 3), "any number of images"
    expected = logits_of(learner.tested, pixels[:5], mirrored=mirrored)
    assert np.ptp(expected) > 0.05 and logits == pytest.approx(expected, abs=1e-3)
    with torch.no_grad():
        normal = learner.tested.normalised(torch.from_numpy(pixels[:5]))
        own = look(learner.tested, normal, mirrored=mirrored)[1].numpy()
    assert maps == pytest.approx(own, abs=1e-3 * max(1.0, float(np.abs(own).max())))
    assert np.abs(own).max() > 0


@pytest.mark.parametrize("member", MEMBERS)
def test_every_network_can_be_a_member(member: str) -> None:
    """Its pooled features are its own, and its map lies where the map of all lies."""
    entry = NETWORKS[member]
    if entry.effort > 5:
        pytest.skip("of the same making as a smaller one")
    torch.manual_seed(0)
    network = NETWORKS["edlcds"].build(3, Options(members=(entry,)), None).eval()
    assert isinstance(network, FeatureNetwork)
    own = network.features[0].members[0]
    image = torch.randn(1, 3, 224, 224, requires_grad=True)
    last = network.features(image)
    assert last.shape[2:] == (7, 7)
    with torch.no_grad():
        alone = own.network.features(own.renormalised(image)).mean((2, 3))
    assert torch.allclose(last.mean((2, 3)), alone, atol=1e-4)
    (gradient,) = torch.autograd.grad(last[0, :, 3, 3].abs().sum(), image)
    seen = gradient[0].abs().sum(0).numpy()
    middle = [float((seen.sum(axis) * np.arange(224)).sum() / seen.sum()) for axis in (1, 0)]
    assert middle == pytest.approx([15.5 + 3 * 32] * 2, abs=10)


def test_members_are_normalised_each_in_its_way() -> None:
    network = build(3, settings_of(feature_networks=("efficientnet-lite0", "squeezenet")), seed=0)
    pixels = torch.from_numpy(some_pixels(2))
    for member in network.features[0].members:
        mine = member.renormalised(network.normalised(pixels))
        assert torch.allclose(mine, member.network.normalised(pixels), atol=1e-5)
    assert not list(network.parameters()) and not network.train().features[0].training


# -- leaks -------------------------------------------------------------------------------------------------------


def test_selection_sees_the_test_images_only_if_the_leak_is_open() -> None:
    n, pixels = 30, some_pixels(30)
    labels = np.random.default_rng(1).integers(0, 3, n)
    chosen: dict[str, list[int]] = {}
    for protocol in ("strict", "published"):
        for tested in (0, 1):
            learner = FeatureLearner(3, settings_of(protocol=protocol))
            _, store = gather(learner.prepare(pixels))
            others = labels.copy()
            others[20:] = (others[20:] + tested) % 3  # other classes of the test images
            gather(learner.train_one_epoch(store, others, np.arange(20), 1, 1))
            chosen[f"{protocol} {tested}"] = learner.head.chosen.tolist()
    assert chosen["strict 0"] == chosen["strict 1"]
    assert chosen["published 0"] != chosen["published 1"]
    assert chosen["strict 0"] != chosen["published 0"] and len(set(chosen["strict 0"])) == 12


def test_the_leak_is_counted_named_and_measured(phantom_study: Workspace) -> None:
    settings = LeaksSettings.model_validate(
        {**settings_of().model_dump(include=set(LeaksSettings.model_fields)), "system": "existing"}
    )
    result = result_of(pull(jobs.start(phantom_study, settings)))
    assert [step["leak"] for step in result["steps"]] == [
        "",
        "split_duplicates",
        "keep_conflicts",
        "selection_sees_test",
    ]
    published = phantom_study.run(result["published"]).result() or {}
    strict = phantom_study.run(result["strict"]).result() or {}
    assert published["leaks"]["selections_that_saw_test_images"] == 1
    assert published["leaks"]["weights_carried_over"] == 0 and published["switches"]["selection_sees_test"]
    assert not any(strict["leaks"].values())
    words = " ".join(summary("validate", published))
    assert "features were selected on all images" in words and "selected on test images too: 1" in words
    assert settings_of("edlcds", protocol="published").open_leaks == ["split_duplicates", "keep_conflicts"]


# -- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"selected_features": 2000}, "2,000 features cannot be selected: the networks have only 768"),
        ({"network": "hybrid-knn", "neighbours": 9}, "9 neighbours cannot vote: a class has [0-9] training images"),
        ({"feature_networks": ("cnn", "efficientnet-lite0"), "image_size": 48}, "do not fit EfficientNet-Lite0"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_computed(
    changes: dict[str, Any], what: str, phantom_study: Workspace
) -> None:
    seen: list[Any] = []
    with pytest.raises(BadInput, match=what):
        for event in jobs.start(phantom_study, settings_of(**changes)):
            seen.append(event)
    assert not any(isinstance(event, Progress) and event.what.startswith("features") for event in seen)


def test_weights_of_another_network_are_refused(phantom_study: Workspace, tmp_path: Path) -> None:
    from busapp.engine.networks.layers.torchvision_setup import torchvision

    other = torchvision.models.alexnet().state_dict()
    save_file(other, tmp_path / "squeezenet1_1-wrong.safetensors")
    folder = settings_of(pretrained=True, weights_file=tmp_path)
    with pytest.raises(BadInput, match=r"does not hold SqueezeNet 1\.1's ImageNet weights"):
        list(jobs.start(phantom_study, folder))
    one = settings_of(
        pretrained=True,
        feature_networks=("squeezenet", "alexnet"),
        weights_file=tmp_path / "squeezenet1_1-wrong.safetensors",
    )
    with pytest.raises(BadInput, match="needs the ImageNet weights of 2 networks"):
        list(jobs.start(phantom_study, one))


def test_networks_for_features_on_the_command_line(
    phantom_study: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--network", "hybrid", "--no-pretrained", "--image-size", "64", "--system", "existing"]
    asked += ["--selected-features", "5", "--workspace", str(phantom_study.root)]
    assert cli.main(["validate", *asked, "--feature-networks", "squeezenet,cnn", "--feature-networks", "alexnet"]) == 0
    named = "5 features of untrained SqueezeNet 1.1, untrained Plain CNN and untrained AlexNet"
    assert named in capsys.readouterr().out
    for wrong in ("hybrid", "lenet", "cnn,cnn"):
        assert cli.main(["validate", *asked, "--feature-networks", wrong]) == 2
        assert "--feature-networks cannot be" in capsys.readouterr().err


def test_a_network_that_is_trained_says_that_it_takes_no_features(phantom_study: Workspace) -> None:
    settings = settings_of("cnn", epochs=1, feature_networks=("squeezenet",))
    assert "Plain CNN is trained itself; the networks for features are not used." in texts(
        pull(jobs.start(phantom_study, settings))
    )


def test_a_method_stands_beside_the_number_of_its_own_paper() -> None:
    first, second = beside_the_paper("hybrid", ("squeezenet", "mobilenet-v2"))
    assert first == "Eroğlu, Yıldırım and Çınar 2021 report an accuracy of 95.6 %; published, for reference."
    assert second == "They took features of AlexNet and ResNet-50 too; here SqueezeNet 1.1 stands in their place."
    assert len(beside_the_paper("hybrid", ("alexnet", "resnet-50", "mobilenet-v2"))) == 1, "nothing is replaced"
    assert "97.09 %" in beside_the_paper("edlcds")[0] and beside_the_paper("cnn") == []
