"""A report as one HTML file that includes its pictures and has no scripts."""

import base64
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from busapp import paths
from busapp.engine.report.blocks import Heading, Report, clean


def to_html(report: Report) -> bytes:
    """The content of the file, in UTF-8."""
    environment = Environment(
        loader=FileSystemLoader(paths.resources_dir()),
        autoescape=True,  # names of files, classes and studies come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["png"] = lambda png: "data:image/png;base64," + base64.b64encode(png).decode()
    environment.tests["of"] = lambda block, name: type(block).__name__ == name
    chapters = [block for block in report.blocks if isinstance(block, Heading) and block.level == 2]
    html = environment.get_template("report.html").render(report=report, chapters=chapters)
    return html.encode()


def _finalize(value: Any) -> Any:
    return clean(value) if type(value) is str else value
