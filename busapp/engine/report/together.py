"""The chapters that compare runs: all validations, the paper's table, pairs, and the worth of synthetic images and of
leaks."""

from collections.abc import Iterable, Mapping

from busapp.engine.contract.validation import LeakEntry, MeasureDifference
from busapp.engine.networks.registry import DEFAULT
from busapp.engine.paper.histology_table import COLUMNS, table2
from busapp.engine.paper.paper_frame import Line
from busapp.engine.paper.paper_table import table1
from busapp.engine.paper.published_histology import AUTHORS, describes
from busapp.engine.report import figures
from busapp.engine.report.blocks import Block, Bullets, Heading, Illustration, Paragraph, Table
from busapp.engine.report.subject import Subject
from busapp.engine.report.words import p_value, per_cent_cell, points_cell
from busapp.engine.results import gain_words
from busapp.engine.results.measured import variant_of
from busapp.engine.results.stored_results import finished_validation, gain_result, leaks_result
from busapp.engine.settings.systems import LEAK_NAMES, Leaks, open_leaks
from busapp.engine.study.runs import Run
from busapp.engine.utils.figures import to_png
from busapp.engine.utils.words import NONE, many, per_cent


def validations(subject: Subject) -> list[Block]:
    """One line for each finished run, so that the number of attempts is visible."""
    blocks: list[Block] = [Heading("Validation")]
    if not subject.validations:
        return [*blocks, Paragraph("No cross-validation is finished yet.")]
    in_full = {one.run.id for one in subject.measured}
    rest = len(subject.validations) - len(in_full)
    detail = "reported in full below" if rest == 0 else f"{len(in_full)} reported in full below (marked •)"
    blocks += [
        Paragraph(f"The study has {many(len(subject.validations), 'finished cross-validation')}, {detail}."),
        Table(
            ("", "run", "accuracy, 95 % interval", "balanced accuracy", "images", "groups", "folds × epochs", "leaks"),
            [_line(run, "•" if run.id in in_full else "") for run in subject.validations],
            frozenset({2, 3, 4, 5, 6}),
        ),
    ]
    return blocks


def _line(run: Run, mark: str) -> tuple[str, ...]:
    result = finished_validation(run)
    leaks = open_leaks(result["system"], Leaks(**result["switches"]), result.get("network", DEFAULT))
    return (
        mark,
        f"{', '.join((result['system'], *variant_of(run, result)))}\n{run.id}",
        per_cent_cell(result["accuracy"], result.get("accuracy_ci95")),
        per_cent(result.get("balanced_accuracy")),
        f"{result['n_images']:,}",
        f"{result['n_groups']:,}",
        f"{len(result['folds'])} × {result['epochs']}",
        f"⚠ {', '.join(LEAK_NAMES[name] for name in leaks)}" if leaks else "none",
    )


def paper(subject: Subject) -> list[Block]:
    """Table 1, as published and as measured here."""
    if not subject.measured:
        return []
    table = table1(subject.measured, with_paper=not subject.workspace.phantoms)
    rows = _rows(table.lines)
    head = ("", *(name.replace("Sensitivity", "sens.").replace("Specificity", "spec.") for name in table.columns))
    shares = (0.19, *[0.81 / len(table.columns)] * len(table.columns)) if len(table.columns) <= 8 else ()
    return [
        Heading("The paper's Table 1"),
        Table(head, rows, frozenset(range(1, len(head))), shares=shares),
        Bullets(table.notes(subject.workspace.phantoms)),
    ]


def histology_paper(subject: Subject) -> list[Block]:
    """Table 2 of the paper on histology patches, as published and as measured here; empty if no run has a network that
    it describes."""
    if not any(describes(one.network) for one in subject.measured):
        return []
    table = table2(subject.measured, with_paper=not subject.workspace.phantoms)
    return [
        Heading(f"Table 2 of {AUTHORS}"),
        Table(("", *COLUMNS), _rows(table.lines), frozenset(range(2, 7)), shares=(0.34, *[0.11] * 6)),
        Bullets(table.notes(subject.workspace.phantoms)),
    ]


def _rows(lines: Iterable[Line]) -> list[tuple[str, ...]]:
    return [(f"{line.title}\n{line.detail}", *("\n".join(filter(None, cell)) for cell in line.cells)) for line in lines]


def comparisons(subject: Subject) -> list[Block]:
    """Paired differences on the images that two runs share; empty if no runs were tested."""
    if not subject.tests:
        return []
    titles = subject.titles
    datasets = {one.run.info.dataset for one in subject.measured}
    blocks: list[Block] = [
        Heading("Runs compared"),
        Paragraph(
            "Differences in percentage points on the images that both runs tested, second minus first, with 95 % "
            "intervals from a paired bootstrap over groups of near-duplicates. p: McNemar's exact test on groups. "
            f"{many(len(subject.tests), 'comparison')}, not corrected for their number."
        ),
    ]
    if len(datasets) > 1:
        blocks.append(
            Paragraph(
                "Compare these runs on their common images only.",
                "The dataset was changed between some of them.",
                "warning",
            )
        )
    rows, by_class = [], []
    for (a, b), test in subject.tests.items():
        pair = f"{titles[b]}\nagainst {titles[a]}"
        if not test["n_common"]:
            rows.append((pair, "0", NONE, NONE, NONE, NONE))
            continue
        differences = test["differences"]
        rows.append(
            (
                pair,
                f"{test['n_common']:,} in {test['n_groups_common']:,}",
                "the same" if test["same_folds"] else "different",
                points_cell(test["difference"], test["difference_ci95"]),
                p_value(test["p_value"]),
                _points_of(differences, "balanced_accuracy"),
            )
        )
        for name in subject.measured[a].classes:
            cells = [_points_of(differences, f"{key}/{name}") for key in ("sensitivity", "specificity", "auc")]
            if any(cell != NONE for cell in cells):
                by_class.append((pair, name, *cells))
    head = ("runs", "images in groups", "folds", "accuracy", "p", "balanced accuracy")
    blocks.append(Table(head, rows, frozenset({1, 3, 4, 5})))
    if by_class:
        of_class = ("runs", "class", "sensitivity", "specificity", "AUC")
        blocks.append(Table(of_class, by_class, frozenset({2, 3, 4}), "By class (the area under the curve times 100):"))
    return blocks


def _points_of(differences: Mapping[str, MeasureDifference], measure: str) -> str:
    found = differences.get(measure)
    return NONE if found is None else points_cell(found["difference"], found["ci95"])


def synthetic_worth(subject: Subject) -> list[Block]:
    """The effect of synthetic images on the classifier; empty if it was not measured."""
    run = subject.newest("gain")
    result = gain_result(run) if run else None
    if run is None or result is None:
        return []
    trainings = [
        (
            "\n".join(filter(None, (gain_words.TRAININGS[name], gain_words.training_in_words(entry), entry["run"]))),
            per_cent_cell(entry["accuracy"], entry["accuracy_ci95"]),
            per_cent_cell(entry["balanced_accuracy"], entry["balanced_accuracy_ci95"]),
            *(per_cent_cell(entry["sensitivity"][of], entry["sensitivity_ci95"][of]) for of in result["classes"]),
            f"{entry['n_synthetic']:,}",
        )
        for name, entry in gain_words.trainings(result).items()
    ]
    of_classes = (f"sensitivity, {name}" for name in result["classes"])
    head = ("training", "accuracy", "balanced accuracy", *of_classes, "synthetic images")
    shares = (0.28, *[0.72 / (len(head) - 1)] * (len(head) - 1)) if len(head) <= 8 else ()
    differences = gain_words.differences(result)
    rows = [
        (
            gain_words.measure_in_words(result, measure),
            *(
                cell
                for measures in differences.values()
                for cell in (
                    points_cell(measures[measure]["difference"], measures[measure]["ci95"]),
                    p_value(measures[measure]["p_value"]),
                )
            ),
        )
        for measure in differences["synthetic"]
    ]
    columns = [cell for name in differences for cell in (gain_words.difference_in_words(result, name).lower(), "p")]
    return [
        Heading("What the synthetic images are worth"),
        Paragraph(gain_words.sentences(result)),
        Paragraph(f"{gain_words.circumstances(result)} Measured in run {run.id}.", tone="quiet"),
        Table(head, trainings, frozenset(range(1, len(head))), shares=shares),
        Table(
            ("measure", *columns),
            rows,
            frozenset(range(1, 1 + len(columns))),
            "Differences in percentage points, paired on the same images, with 95 % intervals from a bootstrap over "
            "groups. p: McNemar's exact test on groups.",
        ),
        Bullets(gain_words.cautions(result)),
    ]


def leaks_worth(subject: Subject) -> list[Block]:
    """The worth of each leak on these images; empty if it was not measured."""
    run = subject.newest("leaks")
    result = leaks_result(run) if run else None
    if run is None or result is None:
        return []
    steps, alone = result["steps"], result["alone"]
    first, last = steps[0], steps[-1]
    blocks: list[Block] = [
        Heading("What the leaks are worth"),
        Paragraph(
            f"Measured with {result['system']}, {result['recipe']} recipe, "
            f"{'one hold-out' if result['folds'] == 1 else many(result['folds'], 'fold')} × "
            f"{many(result['epochs'], 'epoch')}, in run {run.id}: {many(len(steps), 'cross-validation')}, each "
            f"with one more leak closed. From {per_cent(first['accuracy'])} as published to "
            f"{per_cent(last['accuracy'])} under strict."
        ),
        Illustration(to_png(figures.waterfall_figure(steps)), "test accuracy from published to strict", 0.9),
        _worth("Leaks closed one after the other, from published to strict:", "leak closed", steps),
        _worth("Each leak alone, on top of strict:", "leak opened", alone),
    ]
    picked = [gain for gain in (result.get("picked_epoch") or {}).values() if gain is not None]
    if picked and result["epochs"] > 1:
        low, high = 100 * min(picked), 100 * max(picked)
        blocks.append(
            Paragraph(
                "A leak without a switch: if every fold reported the epoch that is best on its test images, these "
                f"accuracies would be {low:.1f} to {high:.1f} points higher."
            )
        )
    return blocks


def _worth(caption: str, head: str, steps: Iterable[LeakEntry]) -> Table:
    rows = [
        (
            step["label"],
            per_cent_cell(step["accuracy"], step.get("accuracy_ci95")),
            points_cell(step["difference"]),
            points_cell(step.get("paired_difference"), step.get("paired_ci95")),
            p_value(step.get("p_value")),
            step["run"],
        )
        for step in steps
    ]
    columns = (head, "accuracy", "difference, points", "on common images, points", "p", "run")
    return Table(columns, rows, frozenset({1, 2, 3, 4}), caption)
