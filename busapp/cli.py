"""The command line. Progress goes to stderr, results to stdout or a file, as JSON where `--json` asks for it.

Exit codes: 0 done, 1 failed, 2 bad input or usage, 130 cancelled. It never prints a traceback: unexpected errors go to
the log. Every heavy import is inside the command that needs it.
"""

import inspect
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

import busapp
from busapp import model_commands, options, paths
from busapp.engine.settings import SETTINGS, JobSettings
from busapp.engine.utils.tables import Separator, TableStyle, choose_table_style, table_style
from busapp.errors import BadInput, UserError
from busapp.options import JsonOption, WorkspaceOption, open_study, write_result
from busapp.terminal import JobEnding, follow, say

if TYPE_CHECKING:
    from busapp.engine.study.workspace import Workspace

log = logging.getLogger(__name__)

CANCELLED: Final = 130

ResumeOption = Annotated[
    str | None, typer.Option("--resume", metavar="RUN", help="Resume a stopped run, with its settings.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Run the job on a Ray cluster: host:port, ray://host:port, auto or local. The cluster must see the "
        "study's folder under the same path.",
    ),
]

app = typer.Typer(
    name="busapp",
    help="A desktop workbench for breast-ultrasound research. Alone, it opens the window. Research use only.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one command line and return its exit code. None means the arguments of this process."""
    try:
        code: int | None = app(arguments, prog_name="busapp", standalone_mode=False)
    except UserError as error:
        say(f"busapp: {error}")
        return error.exit_code
    except typer.TyperException as error:
        what = error.format_message().strip().removesuffix(".")
        say(f"busapp: {what}. `busapp --help` lists the commands, `busapp COMMAND --help` their options.")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return CANCELLED
    except Exception as error:
        log.exception("the command failed")
        say(f"busapp: Something went wrong inside busapp ({type(error).__name__}). See the log: {paths.log_dir()}")
        return 1
    return code or 0


@app.callback(invoke_without_command=True)
def window(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> int:
    """A desktop workbench for breast-ultrasound research. Alone, it opens the window. Research use only."""
    context.obj = workspace
    if version:
        print(f"busapp {busapp.__version__}")
    elif context.invoked_subcommand is None:
        return open_window(workspace)
    return 0


def open_window(workspace: Path | None) -> int:
    """Show the window on a study, wait until it is closed, and return the exit code."""
    from busapp.engine.utils.garbage import collect_rarely

    collect_rarely()
    from busapp.gui import app as gui_app

    return gui_app.run(workspace)


# -- the jobs: one command for each; its options are made from the settings ----------------------------------------


def _add_job(kind: str, arguments: Sequence[str] = (), resumable: bool = False, remote: bool = False) -> None:
    model = SETTINGS[kind]

    def command(context: typer.Context, workspace: Path | None, json_file: Path | None, **given: Any) -> int:
        resumed_run, cluster = given.pop("resume", None), given.pop("cluster", None)
        root = workspace or context.obj or paths.default_workspace()
        if resumed_run:
            return _resume(kind, resumed_run, root, json_file, cluster, given)
        settings = options.settings_from(model, given, arguments)
        return _start(settings, root, json_file, cluster)

    own = [
        _keyword("context", typer.Context, inspect.Parameter.empty),
        *options.parameters(model, arguments),
        *([_keyword("resume", ResumeOption)] if resumable else []),
        *([_keyword("cluster", ClusterOption)] if remote else []),
        _keyword("workspace", WorkspaceOption),
        _keyword("json_file", JsonOption),
    ]
    command.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    app.command(kind, help=model.__doc__)(command)


def _keyword(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_add_job("import", arguments=("sources",))
_add_job("curate")
_add_job("cover")
_add_job("synthesize", resumable=True)
_add_job("balance", resumable=True)
_add_job("validate", resumable=True, remote=True)
_add_job("leaks", resumable=True)
_add_job("gain", resumable=True)
_add_job("rivals", resumable=True)
_add_job("optimizers", resumable=True)
_add_job("diagnose", arguments=("images",))
_add_job("export", arguments=("run",))
_add_job("share", arguments=("out",))


def _start(settings: JobSettings, root: Path, json_file: Path | None, cluster: str | None) -> int:
    from busapp.engine import jobs, ray_cluster
    from busapp.engine.study.workspace import Workspace

    # A diagnosis needs no study of the user's own: it creates the default one if there is none, as the window does.
    creates = settings.kind == "import" or (settings.kind == "diagnose" and root == paths.default_workspace())
    with Workspace.create(root) if creates else Workspace.open(root) as study:
        job = ray_cluster.start(study, settings, cluster) if cluster else jobs.start(study, settings)
        return _report(settings.kind, follow(job), study, json_file)


def _resume(
    kind: str, run_id: str, root: Path, json_file: Path | None, cluster: str | None, given: Mapping[str, Any]
) -> int:
    from busapp.engine import jobs, ray_cluster
    from busapp.engine.study.workspace import Workspace

    also = [options.option_name(name) for name, value in given.items() if value is not None]
    if also:
        raise BadInput(
            f"--resume uses the run's own settings and cannot be combined with {also[0]}",
            remedy="Leave the other options out, or start a new run without --resume.",
        )
    with Workspace.open(root) as study:
        if study.run(run_id).info.kind != kind:
            raise BadInput(
                f"The run is not one of `busapp {kind}`", file=run_id, remedy="Resume it with its own command."
            )
        job = ray_cluster.resume(study, run_id, cluster) if cluster else jobs.resume(study, run_id)
        return _report(kind, follow(job), study, json_file)


def _report(kind: str, ending: JobEnding, study: "Workspace", json_file: Path | None) -> int:
    """Write the result of a job, or say how to resume it if it was cancelled, and return the exit code."""
    if ending.cancelled:
        say(f"Cancelled. {_how_to_resume(kind, ending.run, study)}")
        return CANCELLED
    _write_result(kind, ending.result, json_file)
    return 0


def _write_result(kind: str, result: dict[str, Any], json_file: Path | None) -> None:
    from busapp.summaries import summary

    write_result(result, json_file, partial(summary, kind))


def _how_to_resume(kind: str, run_id: str, study: "Workspace") -> str:
    if run_id and study.run(run_id).can_resume:
        return f"Resume with: busapp {kind} --resume {run_id} --workspace '{study.root}'"
    return "Finished parts are kept; the same command starts again."


# -- everything else -----------------------------------------------------------------------------------------------

app.add_typer(model_commands.app)


@app.command()
def networks(json_file: JsonOption = None) -> int:
    """List the networks that `busapp validate --network` trains."""
    from busapp.engine.networks.listing import list_lines, listed

    write_result({"networks": listed()}, json_file, lambda result: list_lines(result["networks"]))
    return 0


@app.command()
def compare(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Finished validation runs of one study.")],
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Compare validation runs, with intervals and paired tests on the images they share."""
    from busapp.engine.results.comparison import compare_runs

    with open_study(context, workspace) as study:
        _write_result("compare", {**compare_runs([study.run(run_id) for run_id in runs])}, json_file)
    return 0


@app.command()
def report(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write: .html or .pdf, with the same content.")
    ] = Path("report.html"),
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="A finished validation run to report in full; may be given repeatedly. Default: the longest of each "
            "system, protocol, network and recipe.",
        ),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="An image to diagnose in the report; may be given repeatedly.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Write all results of the study into one file, with statistics, figures, versions, limits, and the items of
    TRIPOD+AI and CLAIM."""
    from busapp.engine.report import make_report

    with open_study(context, workspace) as study:
        job = make_report(study, out, runs=run or (), diagnosis_images=image or ())
        return _report("report", follow(job), study, json_file)


@app.command()
def figures(
    context: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN…]",
            help="Finished validation and synthesis runs of one study. Default: the longest validation of each system, "
            "protocol, network and recipe, the newest synthesis of each class, and every other synthesis whose images "
            "are in use.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write to; created if it is missing.")
    ] = Path("figures"),
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Draw the figures of two papers from the study's own images and runs, each as SVG, PNG and CSV: Table 1 and
    Figures 11 to 16 of the paper on ultrasound (Samrin 2024); Table 2, Figures 7 to 11 and the range over folds of the
    paper on histology patches (Zion and Tripathy), in files that begin with zion."""
    from busapp.engine.paper.paper_figures import draw_figures

    with open_study(context, workspace) as study:
        return _report("figures", follow(draw_figures(study, out, runs or ())), study, json_file)


@app.command()
def tables(
    separator: Annotated[
        Separator | None,
        typer.Option("--separator", help="comma, with decimal points; or semicolon, with decimal commas."),
    ] = None,
    mark: Annotated[
        bool | None,
        typer.Option("--mark/--no-mark", help="Begin the file with a byte-order mark, which Excel needs for UTF-8."),
    ] = None,
    json_file: JsonOption = None,
) -> int:
    """Show or choose how CSV tables are written, by all commands and the window. For a German Excel:
    --separator semicolon --mark."""
    style = table_style()
    chosen = TableStyle(separator or style.separator, style.mark if mark is None else mark)
    if chosen != style:
        try:
            choose_table_style(chosen)
        except OSError as error:
            remedy = "Check that you may write there."
            raise BadInput("The choice cannot be saved", file=paths.user_data_dir(), remedy=remedy) from error
    write_result(asdict(chosen), json_file, lambda _: [f"CSV tables are {chosen.in_words()}."])
    return 0


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the study and its report.")] = Path(
        "busapp-demo"
    ),
    gui: Annotated[bool, typer.Option("--gui", help="Open the window on the study afterwards.")] = False,
    json_file: JsonOption = None,
) -> int:
    """Create a study from simulated phantoms: GAN, cross-validation, diagnosis, report. Two to three minutes."""
    from busapp.engine.demo import run_demo

    ending = follow(run_demo(out))
    if ending.cancelled:
        say("Cancelled. The same command continues where it stopped.")
        return CANCELLED
    _write_result("demo", ending.result, json_file)
    return open_window(Path(ending.result["workspace"])) if gui else 0


@app.command()
def selftest(json_file: JsonOption = None) -> int:
    """Check this installation: resources, libraries, one tiny step of each kind."""
    from busapp.selftest import run_checks

    checks = []
    for check in run_checks():
        say(f"{'ok' if check.ok else 'FAILED'}: {check.name}: {check.details}")
        checks.append({"name": check.name, "ok": check.ok, "details": check.details})
    passed = all(check["ok"] for check in checks)
    write_result(
        {"passed": passed, "checks": checks},
        json_file,
        lambda _: ["All checks passed." if passed else "Some checks failed."],
    )
    return 0 if passed else 1
