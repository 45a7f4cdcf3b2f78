"""The DCGAN: its networks, the step that trains them on TensorFlow or torch, generators as files, and scores."""
