"""Helpers without knowledge of the domain: files, names, numbers in words, work in threads, PNG, devices."""
