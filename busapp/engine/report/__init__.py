"""The report of a study, to read, print and share. Its chapters (`study`, `run`, `together`, `settings`, `limits`,
`checklists`) are made of `blocks`, which become HTML or PDF. Only jobs import this."""

from busapp.engine.report.job import SUFFIXES, make_report, write_report

__all__ = ["SUFFIXES", "make_report", "write_report"]
