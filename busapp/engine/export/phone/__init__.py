"""Models for apps: TFLite files, and the folder that an app's developer is given. Keras and TensorFlow live here."""
