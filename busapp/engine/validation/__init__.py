"""The job that cross-validates a classifier: its fixed parts (`study`), its progress (`state`), its output (`result`)
and the work itself (`job`). Jobs of several cross-validations (`leaks`, `gain`) are built on it (`series`)."""
