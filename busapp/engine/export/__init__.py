"""A model is made from a validation run: ONNX, or a folder for an app."""
