"""The types of the results of jobs: the JSON that `--json` writes and `result.json` keeps."""
