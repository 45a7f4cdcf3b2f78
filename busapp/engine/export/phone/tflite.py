"""TensorFlow Lite files of the twin network, and running them.

Both files take the same uint8 pixels, one image at a time, and have the same two float32 outputs, so that an app can
use either: `probabilities` (1, classes), calibrated, and `maps` (1, classes, h, w).

Warnings are off meanwhile: whenever its interpreter is used, also in its converter, TensorFlow announces that the
interpreter will move to a package of its own. Until then that package would be a second copy.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from busapp.engine.export.phone.agreement import Answers
from busapp.engine.export.phone.keras_twin import features_of
from busapp.engine.export.phone.rounding import correct_biases
from busapp.engine.gan.keras_setup import tensorflow
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.utils.quiet import native_messages_logged, no_warnings


def to_float32(twin: Any) -> bytes:
    """Convert the twin network to a file that computes in float32."""
    with no_warnings():
        return bytes(_converter(twin, "uint8").convert())


def to_int8(keras: Any, twin: Any, images: Callable[[], Iterable[Pixels]]) -> bytes:
    """Convert the twin network to a file that computes in 8-bit integers throughout. This changes the network.

    Weights are rounded for each output channel. The values between the layers are rounded by their ranges on `images`:
    at most a few hundred, uint8 (size, size, 3), without labels. The images are read twice; an error in reading them
    ends the conversion.
    """
    correct_biases(keras, features_of(twin), images())
    tf = tensorflow()
    converter = _converter(twin, "float32")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.float32
    with no_warnings(), ExitStack() as rounding:

        def representative() -> Iterator[dict[str, npt.NDArray[np.float32]]]:
            for number, pixels in enumerate(images()):
                values = pixels[None].astype(np.float32)
                if number == 0:  # black and white, so that a pixel's value is its integer in the file
                    values[0, 0, 0], values[0, 0, 1] = 0, 255
                yield {"pixels": values}
            rounding.enter_context(native_messages_logged())  # the quantiser prints its settings

        converter.representative_dataset = representative
        return bytes(converter.convert())


def _converter(twin: Any, dtype: str) -> Any:
    """Return a converter for one image of `dtype`. The batch size is fixed, because the accelerators of phones need
    that."""
    tf = tensorflow()

    class Diagnosing(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.held = [variable.value for variable in twin.variables]  # the converter finds variables by attributes

        @tf.function(input_signature=[tf.TensorSpec((1, *twin.input_shape[1:]), dtype, name="pixels")])  # type: ignore[untyped-decorator]
        def diagnose(self, pixels: Any) -> dict[str, Any]:
            logits, maps = twin(tf.cast(pixels, tf.float32))
            return {"probabilities": tf.nn.softmax(logits), "maps": maps}

    module = Diagnosing()
    return tf.lite.TFLiteConverter.from_concrete_functions([module.diagnose.get_concrete_function()], module)


class TFLiteModel:
    """A file that is ready to run. Threads must not share it."""

    def __init__(self, content: bytes) -> None:
        with no_warnings(), native_messages_logged():
            self._interpreter = tensorflow().lite.Interpreter(model_content=content)
            self._interpreter.allocate_tensors()
            self._run = self._interpreter.get_signature_runner()

    def run(self, pixels: Pixels) -> Answers:
        """Compute `probabilities` (n, classes) and `maps` (n, classes, h, w) of uint8 (n, size, size, 3), one image
        after another."""
        each = [self._run(pixels=image[None]) for image in pixels]
        return {name: np.concatenate([answer[name] for answer in each]) for name in ("probabilities", "maps")}

    def outputs(self) -> dict[str, int]:
        """Index of each output by its name, for interpreters that know outputs only by index."""
        places = [detail["index"] for detail in self._interpreter.get_output_details()]
        return {name: places.index(detail["index"]) for name, detail in self._run.get_output_details().items()}
