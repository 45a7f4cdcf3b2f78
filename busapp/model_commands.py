"""`busapp models`: the models of a study and those that ship with the program, as files."""

from pathlib import Path
from typing import Annotated

import typer

from busapp.options import JsonOption, WorkspaceOption, open_study, write_result

app = typer.Typer(
    name="models",
    help="List, show, import, export, retire and restore models. MODEL is a name from the list, or a file.",
    no_args_is_help=False,
    rich_markup_mode=None,
)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Its name, the name of its file, or its path.")]


@app.command("list")
def list_(context: typer.Context, workspace: WorkspaceOption = None, json_file: JsonOption = None) -> int:
    """List the study's models, those that ship with busapp, and the retired ones, each with its accuracy."""
    from busapp.engine.models.inspection import inspect_all, list_lines, listed

    with open_study(context, workspace) as study:
        found = [listed(entry) for entry in inspect_all(study)]
    write_result({"models": found}, json_file, lambda result: list_lines(result["models"]))
    return 0


@app.command()
def show(
    context: typer.Context, model: ModelArgument, workspace: WorkspaceOption = None, json_file: JsonOption = None
) -> int:
    """Show all about a model: its card, classes, training data, hash, and what to know before use."""
    from busapp.engine.models.inspection import inspect, inspection_lines
    from busapp.engine.models.library import find_model

    with open_study(context, workspace) as study:
        found = inspect(find_model(study, model))
    write_result(dict(found.as_json()), json_file, lambda _: inspection_lines(found))
    return 0


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX file that busapp exported.")],
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Copy a model file into the study, after opening it and testing it on an image."""
    from busapp.engine.models.library import import_model

    with open_study(context, workspace) as study:
        found = import_model(study, file)
    result = {"model": str(found.file.path), "name": found.file.name, "how": found.how}
    write_result(result, json_file, lambda _: [found.sentence])
    return 0


@app.command("export")
def export(
    context: typer.Context,
    model: ModelArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="The .onnx file to write. The model card is written beside it."),
    ],
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Copy a model for others, with its model card beside it."""
    from busapp.engine.models.inspection import export_model_file
    from busapp.engine.models.library import find_model

    with open_study(context, workspace) as study:
        copy, card = export_model_file(find_model(study, model), out)
    result = {"model": str(copy), "card": str(card)}
    write_result(result, json_file, lambda _: [f"{copy}", f"Model card: {card}."])
    return 0


@app.command()
def retire(
    context: typer.Context, model: ModelArgument, workspace: WorkspaceOption = None, json_file: JsonOption = None
) -> int:
    """Stop offering a model of the study. Its file is kept."""
    from busapp.engine.models import library

    with open_study(context, workspace) as study:
        retired = library.retire(study, library.find_model(study, model))
    words = f"“{retired.name}” is retired. Bring it back with: busapp models restore '{retired.path.stem}'"
    write_result({"model": str(retired.path), "retired": True}, json_file, lambda _: [words])
    return 0


@app.command()
def restore(
    context: typer.Context, model: ModelArgument, workspace: WorkspaceOption = None, json_file: JsonOption = None
) -> int:
    """Offer a retired model again."""
    from busapp.engine.models import library

    with open_study(context, workspace) as study:
        back = library.restore(study, library.find_model(study, model, retired=True))
    write_result({"model": str(back.path), "retired": False}, json_file, lambda _: [f"“{back.name}” is in use again."])
    return 0
