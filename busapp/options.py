"""What the commands have in common: options, the study that they name, and where their results go.

A job's options are made from its settings model, and what was typed becomes settings again. Names, types, ranges, help
and defaults all stand in `busapp/engine/settings/`; nothing is written twice.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

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
    typer.Option("--workspace", metavar="DIR", help="The study's folder. Left out: the one in the user's data folder."),
]
JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON; - is standard output.")
]


def option_name(field: str) -> str:
    """`class_name` is `--class`, `max_distance` is `--max-distance`."""
    return "--" + field.removesuffix("_name").replace("_", "-")


def parameters(model: type[JobSettings], arguments: Sequence[str] = ()) -> list[inspect.Parameter]:
    """One parameter for each field, as typer reads them from a signature.

    Those named in `arguments` are positional. All are None where nothing was typed, so that the model's own
    defaults hold.
    """
    return [_parameter(name, field, name in arguments) for name, field in model.model_fields.items()]


def _parameter(name: str, field: FieldInfo, is_argument: bool) -> inspect.Parameter:
    annotation: Any = field.annotation
    if get_origin(annotation) is tuple:
        annotation = list[get_args(annotation)[0]]  # type: ignore[misc]
    if is_argument:
        info = typer.Argument(help=field.description, metavar=(field.title or name).upper(), show_default=False)
        default = inspect.Parameter.empty
    else:
        shown = field.default if field.default is not None and not field.is_required() else None
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
    """Settings from what was typed; None means that an option was not.

    Raises:
        BadInput: a value is out of range or missing; names the option.
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
        raise BadInput(what, remedy=f"`busapp {model.kind} --help` says what it takes.") from error


def open_study(context: typer.Context, workspace: Path | None) -> "Workspace":
    """The study that the command's own option names, or that of `busapp` before it, or the user's own.

    Raises:
        BadInput, DamagedStudy: there is none, or it cannot be read.
    """
    from busapp.engine.study.workspace import Workspace

    return Workspace.open(workspace or context.obj or paths.default_workspace())


def write_result(
    result: dict[str, Any], json_file: Path | None, summary: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Print a result in words, or as JSON to a file or (`-`) standard output.

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
            raise BadInput("The file of --json cannot be written", file=json_file, remedy="Name another.") from error
