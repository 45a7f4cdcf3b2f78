"""Tables beside files, what they say about the files, and Excel workbooks."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook as ExcelWorkbook

from busapp.engine.imports.files.sources import FileEntry
from busapp.engine.imports.tables.columns import ColumnNames
from busapp.engine.imports.tables.labels import Labelled, label
from busapp.engine.settings import ImportSettings


def entry(root: Path, file: str) -> FileEntry:
    """A file of a source, by its path with / between folders; its content is not looked at."""
    folder, _, name = file.rpartition("/")
    return FileEntry(folder, name, root / file)


def said(
    root: Path,
    table: str | bytes,
    files: Iterable[str],
    *,
    name: str = "t.csv",
    columns: ColumnNames | None = None,
    meanings: Mapping[str, str] | None = None,
    needs_classes: bool = True,
    **settings: Any,
) -> Labelled:
    """Write a table, and return what it says about these files. `columns` and `meanings` are those of a known set."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(table.encode() if isinstance(table, str) else table)
    return label(
        entry(root, name),
        [entry(root, file) for file in files],
        ImportSettings(sources=(root,), **settings),
        columns=columns,
        class_values=meanings,
        needs_classes=needs_classes,
    )


def classes_of(labelled: Labelled, root: Path) -> dict[str, str | None]:
    """The class of each file, by its path inside the source."""
    return {Path(where).relative_to(root).as_posix(): found.class_name for where, found in labelled.labels.items()}


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]], formats: Mapping[str, str] | None = None) -> bytes:
    """An Excel workbook with these rows in each sheet. `formats` gives number formats of columns of all sheets."""
    book = ExcelWorkbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for column, number_format in (formats or {}).items():
            for cell in sheet[column]:
                cell.number_format = number_format
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
