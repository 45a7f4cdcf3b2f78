"""The report of a study, for reading, printing and handing on: its content (`study`, `run`, `together`, `settings`,
`limits`, `checklists`) is made of `blocks`, which become HTML or PDF. Only jobs import this."""

from busapp.engine.report.job import SUFFIXES, make_report, write_report

__all__ = ["SUFFIXES", "make_report", "write_report"]
