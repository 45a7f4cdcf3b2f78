"""The command line. Progress goes to stderr, results to stdout or a file, as JSON where `--json` asks for it.

Exit codes: 0 done, 1 failed, 2 bad input or usage, 130 cancelled. Never a traceback: what nobody expected is in the
log. Every heavy import is inside the command that needs it.
"""

import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import busapp
from busapp import model_commands, options, paths
from busapp.engine.settings import SETTINGS, JobSettings
from busapp.errors import BadInput, UserError
from busapp.options import JsonOption, WorkspaceOption, open_study, write_result
from busapp.terminal import Outcome, follow, say

log = logging.getLogger(__name__)

CANCELLED: Final = 130

ResumeOption = Annotated[
    str | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped, with its settings.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Let a Ray cluster do it: host:port, ray://host:port, auto or local. It must see the study's folder under "
        "the same path.",
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
    """Execute one command line (None: this process's) and return its exit code."""
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
        say(f"busapp: Something went wrong inside busapp ({type(error).__name__}). The log has it: {paths.log_dir()}")
        return 1
    return code or 0


@app.callback(invoke_without_command=True)
def window(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
) -> int:
    """A desktop workbench for breast-ultrasound research. Alone, it opens the window. Research use only."""
    context.obj = workspace
    if version:
        print(f"busapp {busapp.__version__}")
    elif context.invoked_subcommand is None:
        return open_window(workspace)
    return 0


def open_window(workspace: Path | None) -> int:
    """Show the window on a study and wait until it is closed; the exit code."""
    from busapp.gui import app as gui_app

    return gui_app.run(workspace)


# -- the jobs: one command each, its options made from the settings ------------------------------------------------


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
_add_job("diagnose", arguments=("images",))
_add_job("export", arguments=("run",))
_add_job("share", arguments=("out",))


def _start(settings: JobSettings, root: Path, json_file: Path | None, cluster: str | None) -> int:
    from busapp.engine import cluster as clusters
    from busapp.engine import jobs
    from busapp.engine.study.workspace import Workspace

    # A diagnosis needs no study of one's own: the first one of all makes the default one, as the window does.
    creates = settings.kind == "import" or (settings.kind == "diagnose" and root == paths.default_workspace())
    workspace = Workspace.create(root) if creates else Workspace.open(root)
    job = clusters.start(workspace, settings, cluster) if cluster else jobs.start(workspace, settings)
    outcome = follow(job)
    return _report(settings.kind, outcome, root, json_file)


def _resume(
    kind: str, run_id: str, root: Path, json_file: Path | None, cluster: str | None, given: Mapping[str, Any]
) -> int:
    from busapp.engine import cluster as clusters
    from busapp.engine import jobs
    from busapp.engine.study.workspace import Workspace

    also = [options.option_name(name) for name, value in given.items() if value is not None]
    if also:
        raise BadInput(
            f"--resume goes on with the run's own settings and cannot be given with {also[0]}",
            remedy="Leave the other options out, or start a new run without --resume.",
        )
    workspace = Workspace.open(root)
    if workspace.run(run_id).info.kind != kind:
        raise BadInput(f"The run is not one of `busapp {kind}`", file=run_id, remedy="Resume it with its own command.")
    job = clusters.resume(workspace, run_id, cluster) if cluster else jobs.resume(workspace, run_id)
    return _report(kind, follow(job), root, json_file)


def _report(kind: str, outcome: Outcome, root: Path, json_file: Path | None) -> int:
    if outcome.cancelled:
        say(f"Cancelled. {_how_to_resume(kind, outcome.run, root)}")
        return CANCELLED
    from busapp.summaries import SUMMARIES

    write_result(outcome.result, json_file, SUMMARIES[kind])
    return 0


def _how_to_resume(kind: str, run_id: str, root: Path) -> str:
    from busapp.engine.study.workspace import Workspace

    if run_id and Workspace.open(root).run(run_id).can_resume:
        return f"Go on with: busapp {kind} --resume {run_id} --workspace '{root}'"
    return "What was finished is kept; the same command starts anew."


# -- everything else -----------------------------------------------------------------------------------------------

app.add_typer(model_commands.app)


@app.command()
def compare(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Finished validation runs of one study.")],
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Set validation runs side by side, with intervals and paired tests on the images they share."""
    from busapp.engine.results.comparison import compare_runs
    from busapp.summaries import comparison_lines

    study = open_study(context, workspace)
    write_result({**compare_runs([study.run(run_id) for run_id in runs])}, json_file, comparison_lines)
    return 0


@app.command()
def report(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write; .html or .pdf, both say the same.")
    ] = Path("report.html"),
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="A finished validation run to tell of in full; may be given repeatedly. Left out: the longest of each "
            "system, protocol and recipe.",
        ),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="An image to diagnose in the report; may be given repeatedly.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Write everything that the study found into one file, with statistics, figures, versions, limits, and the items
    of TRIPOD+AI and CLAIM."""
    from busapp.engine.report import make_report

    study = open_study(context, workspace)
    job = make_report(study, out, runs=run or (), diagnosis_images=image or ())
    return _report("report", follow(job), study.root, json_file)


@app.command()
def figures(
    context: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN…]",
            help="Finished validation and synthesis runs of one study. Left out: the longest validation of each "
            "system, protocol and recipe, the newest synthesis of each class, and each other one of which images are "
            "in use.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write to; made if it is missing.")
    ] = Path("figures"),
    workspace: WorkspaceOption = None,
    json_file: JsonOption = None,
) -> int:
    """Draw Table 1 and Figures 11 to 16 of the paper from the study's own runs, each as SVG, PNG and CSV."""
    from busapp.engine.paper.paper_figures import draw_figures

    study = open_study(context, workspace)
    return _report("figures", follow(draw_figures(study, out, runs or ())), study.root, json_file)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the study and its report go.")] = Path(
        "busapp-demo"
    ),
    gui: Annotated[bool, typer.Option("--gui", help="Open the window on the study afterwards.")] = False,
    json_file: JsonOption = None,
) -> int:
    """Make a study out of nothing: phantoms, GAN, cross-validation, diagnosis, report. Two to three minutes."""
    from busapp.engine.demo import run_demo
    from busapp.summaries import demo_lines

    outcome = follow(run_demo(out))
    if outcome.cancelled:
        say("Cancelled. The same command goes on where it stopped.")
        return CANCELLED
    write_result(outcome.result, json_file, demo_lines)
    return open_window(Path(outcome.result["workspace"])) if gui else 0


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
        {"passed": passed, "checks": checks}, json_file, lambda _: ["All is well." if passed else "Not all is well."]
    )
    return 0 if passed else 1
