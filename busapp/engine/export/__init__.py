"""Making a model from a validation run: an ONNX file, and a folder for an app."""
