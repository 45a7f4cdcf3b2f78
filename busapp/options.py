"""Shared parts of the commands: options, the study to open, and where results go.

A job's options are made from its settings model, and the typed values become settings again. Names, types, ranges, help
and defaults are defined once, in `busapp/engine/settings/`.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from busapp import paths
from busapp.engine.settings import JobSettings
from busapp.errors import BadInput

if TYPE_CHECKING:
    from busapp.engine.study.workspace import Workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="The study's folder. Default: the one in the user's data folder."),
]
JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON; - is standard output.")
]


def option_name(field: str) -> str:
    """`class_name` is `--class`, `max_distance` is `--max-distance`."""
    return "--" + field.removesuffix("_name").replace("_", "-")


def parameters(model: type[JobSettings], arguments: Sequence[str] = ()) -> list[inspect.Parameter]:
    """One parameter for each field, for the signature that typer reads.

    Fields named in `arguments` are positional. An option that is not typed is None, so that the model's own default
    holds.
    """
    return [_parameter(name, field, name in arguments) for name, field in model.model_fields.items()]


def _parameter(name: str, field: FieldInfo, is_argument: bool) -> inspect.Parameter:
    annotation: Any = field.annotation
    if get_origin(annotation) is tuple:
        element = get_args(annotation)[0]
        annotation = list[str] if get_origin(element) is Literal else list[element]  # type: ignore[valid-type]
    if is_argument:
        info = typer.Argument(help=field.description, metavar=(field.title or name).upper(), show_default=False)
        default = inspect.Parameter.empty
    else:
        shown = None if field.is_required() or field.default in (None, ()) else field.default
        flag = option_name(name)
        if annotation is bool or bool in get_args(annotation):
            flag = f"{flag}/--no-{flag.removeprefix('--')}"
        info = typer.Option(flag, help=field.description, show_default=False if shown is None else str(shown))
        annotation, default = annotation | None, None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, info],
    )


def settings_from(model: type[JobSettings], given: Mapping[str, Any], arguments: Sequence[str] = ()) -> JobSettings:
    """Settings from the typed values; None stands for an option that was not typed.

    Raises:
        BadInput: a value is out of range or missing; the error names the option.
    """
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        label = (field.upper() if field in arguments else option_name(field)) if field else "The options"
        if first["type"] == "missing":
            what = f"{label} is missing"
        else:
            what = f"{label} cannot be {first['input']!r}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise BadInput(what, remedy=f"`busapp {model.kind} --help` lists the options.") from error


def open_study(context: typer.Context, workspace: Path | None) -> "Workspace":
    """Open the study that the command's --workspace names, else that of `busapp` itself, else the user's own study.

    It is a context manager, which closes the study.

    Raises:
        BadInput: there is no study.
        DamagedStudy: it cannot be read.
    """
    from busapp.engine.study.workspace import Workspace

    return Workspace.open(workspace or context.obj or paths.default_workspace())


def write_result(
    result: dict[str, Any], json_file: Path | None, summary: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Print a result in words, or write it as JSON to a file or to standard output (`-`).

    Raises:
        BadInput: the file cannot be written.
    """
    if json_file is None:
        print("\n".join(summary(result)))
    elif str(json_file) == "-":
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        from busapp.engine.utils.files import write_json

        try:
            write_json(json_file, result)
        except OSError as error:
            raise BadInput("The file of --json cannot be written", file=json_file, remedy="Choose another.") from error
