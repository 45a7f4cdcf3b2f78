"""Files, names, numbers in words, threads that work ahead, PNG, devices. Nothing of the domain."""
