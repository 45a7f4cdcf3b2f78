"""The Synthesis tab: a DCGAN that is watched, its images judged and reviewed."""
