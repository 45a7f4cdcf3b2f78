"""Foreign, damaged and malicious files: each is refused with its own sentence, and none crashes the program."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from tiny_model import SIZE, write_model

from busapp.engine.models import file as model_file
from busapp.engine.models.file import open_session
from busapp.engine.models.model import Model
from busapp.errors import BadModel


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def _refused(path: Path) -> str:
    with pytest.raises(BadModel) as caught:
        Model.load(path)
    assert caught.value.file == str(path) and caught.value.remedy
    return caught.value.what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"not a model", "damaged"),
        (b"\x08\x09\x3a\xff\xff\xff\xff\x7f", "damaged"),
        (b"\x0b" * 100, "damaged"),
        (b"\x80\x04\x95\x10\x00\x00\x00", "pickle"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"),
        (b"\x18\x00\x00\x00ORTM", "ONNX Runtime's own"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
    ],
)
def test_what_is_no_onnx_file_is_told_by_its_first_bytes(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert words in _refused(tmp_path / "m.onnx")


def test_what_is_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: Path) -> None:
    assert "folder" in _refused(tmp_path)
    assert "cannot be opened" in _refused(tmp_path / "missing.onnx")
    assert "cannot be opened" in _refused(tmp_path / "zero\0byte.onnx")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.onnx")
        assert "not a file" in _refused(tmp_path / "pipe.onnx")
    monkeypatch.setattr("busapp.engine.models.model.MAX_MODEL_BYTES", good.stat().st_size - 1)
    assert "too large" in _refused(good)


def test_a_model_cut_or_changed_anywhere_is_refused_or_answers(good: Path, tmp_path: Path) -> None:
    """No changed byte of the file causes a crash."""
    content, path, random = good.read_bytes(), tmp_path / "m.onnx", np.random.default_rng(0)
    refused = 0
    damaged = [content[:length] for length in range(1, len(content), 7)]
    for at in random.integers(len(content), size=150):
        damaged.append(content[:at] + bytes([random.integers(256)]) + content[at + 1 :])
    for changed in damaged:
        path.write_bytes(changed)
        try:
            model = Model.load(path)
            model.session.run(["logits", "maps"], {"pixels": np.zeros((1, SIZE, SIZE, 3), np.uint8)})
        except BadModel:
            refused += 1
        except Exception as error:  # what Diagnoser.run makes a BadModel of
            assert type(error).__module__.startswith("onnxruntime") or isinstance(error, ValueError)
    assert refused > len(content) // 8


Change = Callable[[onnx.ModelProto], None]


def _no_description(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def _nested(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"busapp": "[" * 100_000})


def _garbage(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"busapp": '{"classes": {"a": [{}]}, "provenance": {"accuracy": []}}'})


def _other_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = model.graph.node[0].input[0] = "image"


def _two_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, [1]))


def _other_size(model: onnx.ModelProto) -> None:
    for axis in (1, 2):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 40


def _one_image_only(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def _dynamic_classes(model: onnx.ModelProto) -> None:
    """A model whose number of classes is known only after it has answered."""
    model.graph.initializer.append(helper.make_tensor("all", TensorProto.BOOL, [3], [True, True, True]))
    model.graph.node[-1].output[0] = "sure"
    model.graph.node.append(helper.make_node("Compress", ["sure", "all"], ["logits"], axis=1))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "c"


def _other_maps(model: onnx.ModelProto) -> None:
    model.graph.node[3].output[0] = model.graph.node[4].input[0] = "three"
    model.graph.node.append(helper.make_node("Concat", ["three", "three"], ["maps"], axis=1))
    model.graph.output[1].type.tensor_type.shape.dim[1].dim_value = 6


def _no_maps(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def _custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[3].op_type, model.graph.node[3].domain = "Evil", "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def _sparse(model: onnx.ModelProto) -> None:
    sparse = onnx.SparseTensorProto(dims=[500_000_000])  # 2 GB in sixty bytes
    sparse.values.CopyFrom(helper.make_tensor("nothing", TensorProto.FLOAT, [1], [0.0]))
    sparse.indices.CopyFrom(helper.make_tensor("where", TensorProto.INT64, [1], [0]))
    model.graph.sparse_initializer.append(sparse)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_no_description, "has no description"),
        (_nested, "not made by this version"),
        (_garbage, "not made by this version"),
        (_other_input, "something other than pixels"),
        (_two_inputs, "something other than pixels"),
        (_other_size, "it takes 40×40×3, the description says 32×32×3"),
        (_one_image_only, "any number of images"),
        (_dynamic_classes, "its logits are of an unknown number of classes"),
        (_other_maps, "its maps are of 6 classes, the description names 3"),
        (_no_maps, "no output maps"),
        (_custom_operator, "operators that are not part of ONNX"),
        (_sparse, "sparse"),
    ],
)
def test_a_foreign_model_is_refused_with_what_is_wrong(good: Path, tmp_path: Path, change: Change, words: str) -> None:
    model = onnx.load(good)
    change(model)
    onnx.save(model, tmp_path / "m.onnx")
    assert words in _refused(tmp_path / "m.onnx")


def test_a_description_that_does_not_fit_is_told(tmp_path: Path) -> None:
    assert "its logits are of 3 classes, the description names 2" in _refused(
        write_model(tmp_path / "a.onnx", classes=["a", "b"])
    )
    assert "the description says 64×64×3" in _refused(write_model(tmp_path / "b.onnx", image_size=64))
    assert "same name" in _refused(write_model(tmp_path / "c.onnx", classes=["a", "b", "a"]))
    assert "same name, or one has none" in _refused(write_model(tmp_path / "d.onnx", classes=["a", "b", " "]))


@pytest.mark.parametrize("where", ["weights.bin", "../weights.bin", "/etc/hostname"])
@pytest.mark.parametrize("in_node", [False, True])
def test_weights_in_other_files_are_never_read(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, in_node: bool
) -> None:
    """For a model loaded from bytes, ONNX Runtime looks for these files in the current folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for path in (folder / "weights.bin", tmp_path / "weights.bin"):
        path.write_bytes(np.float32(0.02).tobytes())
    model = onnx.load(good)
    scale = model.graph.initializer[0]
    scale.ClearField("float_data")
    scale.data_location = TensorProto.EXTERNAL
    for key, value in (("location", where), ("offset", "0"), ("length", "4")):
        scale.external_data.add(key=key, value=value)
    if in_node:
        model.graph.node.insert(0, helper.make_node("Constant", [], ["scale"], value=scale))
        del model.graph.initializer[0]
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    assert "in other files" in _refused(folder / "m.onnx")


def test_an_empty_list_of_other_files_is_no_reason_to_refuse(good: Path, tmp_path: Path) -> None:
    model = onnx.load(good)
    model.graph.initializer[0].data_location = TensorProto.DEFAULT
    onnx.save(model, tmp_path / "m.onnx")
    assert Model.load(tmp_path / "m.onnx").classes


def _answer_in_its_own_process(path: Path, setup: str) -> str:
    code = (
        f"import numpy as np\nfrom pathlib import Path\nfrom busapp.engine.models import file as model_file\n{setup}\n"
        f"from busapp.engine.models.model import Model\nfrom busapp.errors import BadModel\n"
        f"try: Model.load(Path({str(path)!r})).run(np.zeros((1, {SIZE}, {SIZE}, 3), np.uint8))\n"
        "except BadModel as error: print(error.what, '|', error.__cause__)\n"
        # Not getrusage: its peak is at least that of the process that started this one.
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print('MB', int(next(line for line in lines if line.startswith('VmHWM')).split()[1]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory a process took is asked of Linux")
def test_a_model_cannot_fill_the_memory(good: Path, tmp_path: Path) -> None:
    model = onnx.load(good)
    for name, shape in (("tall", [20_000, 1]), ("wide", [1, 20_000])):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, shape, [0.0] * 20_000))
    model.graph.node[-1].output[0] = "sure"
    model.graph.node.extend(
        [
            helper.make_node("Add", ["tall", "wide"], ["huge"]),
            helper.make_node("ReduceSum", ["huge"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["sure", "nothing"], ["logits"]),
        ]
    )
    onnx.save(model, tmp_path / "m.onnx")
    said = _answer_in_its_own_process(tmp_path / "m.onnx", "model_file.MOST_MEMORY = 200_000_000")
    assert "cannot be run" in said and int(said.split("MB")[-1]) < 800  # unlimited: 1.6 GB for the sum alone


def test_a_model_cannot_compute_for_ever(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
        ],
    )
    model = onnx.load(good)
    for name, kind, value in (("n", TensorProto.INT64, 10**15), ("t", TensorProto.BOOL, True)):
        model.graph.initializer.append(helper.make_tensor(name, kind, [], [value]))
    model.graph.initializer.append(helper.make_tensor("x0", TensorProto.FLOAT, [], [0.0]))
    model.graph.node[-1].output[0] = "sure"
    model.graph.node.append(helper.make_node("Loop", ["n", "t", "x0"], ["nothing"], body=body))
    model.graph.node.append(helper.make_node("Add", ["sure", "nothing"], ["logits"]))
    onnx.save(model, tmp_path / "m.onnx")
    monkeypatch.setattr(model_file, "SECONDS_PER_IMAGE", 0.2)
    loaded = Model.load(tmp_path / "m.onnx")
    with pytest.raises(Exception, match="terminate"):
        loaded.session.run(["logits", "maps"], {"pixels": np.zeros((1, SIZE, SIZE, 3), np.uint8)})


def test_an_answer_in_another_shape_than_declared_is_an_error(good: Path, tmp_path: Path) -> None:
    model = onnx.load(good)
    del model.graph.node[0].input[:]
    model.graph.initializer.append(
        helper.make_tensor("two", TensorProto.UINT8, [2, SIZE, SIZE, 3], bytes(2 * SIZE**2 * 3), True)
    )
    model.graph.node[0].input.append("two")
    onnx.save(model, tmp_path / "m.onnx")
    loaded = Model.load(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="shape"):
        loaded.session.run(["logits"], {"pixels": np.zeros((1, SIZE, SIZE, 3), np.uint8)})


def test_conformal_thresholds_of_other_classes_are_refused(tmp_path: Path) -> None:
    conformal = {"coverage": 0.9, "least_probability": {"benign": 0.1}}
    with pytest.raises(BadModel):
        Model.load(write_model(tmp_path / "m.onnx", conformal=conformal))


def test_threads_that_wait_do_not_spin(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside other work, spinning threads take the cores from each other."""
    seen: list[str] = []

    class Watched(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, content: bytes, options: onnxruntime.SessionOptions, **given: object) -> None:
            seen.append(options.get_session_config_entry("session.intra_op.allow_spinning"))
            super().__init__(content, options, **given)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Watched)
    open_session(good.read_bytes(), good)
    assert seen == ["0"]
