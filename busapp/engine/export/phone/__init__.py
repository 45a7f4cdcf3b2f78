"""Models for apps: TFLite files, and for files of every format the folder that an app's developer is given. Keras and
TensorFlow live here."""
