"""The chapters on a network and its rivals, and on optimisers."""

from busapp.engine.contract.side_by_side import Column, SideBySideResult
from busapp.engine.report import figures
from busapp.engine.report.blocks import Block, Bullets, Heading, Illustration, Paragraph, Table
from busapp.engine.report.subject import Subject
from busapp.engine.report.words import number, p_value, per_cent_cell, points_cell
from busapp.engine.results import side_by_side_words as words
from busapp.engine.results.stored_results import side_by_side_result
from busapp.engine.utils.figures import to_png
from busapp.engine.utils.words import NONE, low_to_high


def side_by_side(subject: Subject, kind: str) -> list[Block]:
    """The newest result of a `kind`, `rivals` or `optimizers`; empty if there is none."""
    run = subject.newest(kind)
    result = side_by_side_result(run, kind) if run else None
    if run is None or result is None:
        return []
    blocks: list[Block] = [
        Heading(words.HEADINGS[kind]),
        Paragraph(words.sentences(result)),
        Paragraph(f"{words.circumstances(result)} Measured in run {run.id}.", tone="quiet"),
        *_measures(result),
        *_differences(result),
    ]
    if all(column["epochs"] for column in result["columns"]):
        picture = to_png(figures.columns_figure(result["columns"]))
        blocks.append(
            Illustration(picture, f"test accuracy and test loss over the epochs: {words.HEADINGS[kind]}", 1.0)
        )
    return [*blocks, Bullets(words.cautions(result))]


def _measures(result: SideBySideResult) -> list[Block]:
    head = ("training", "accuracy", "lowest to highest fold", "deviation", "balanced accuracy", "test loss", "time")
    rows = [
        (
            _title(result, column),
            words.mark(column) + per_cent_cell(column["accuracy"], column["accuracy_ci95"]),
            words.mark(column) + low_to_high(column["fold_range"]),
            NONE if column["fold_deviation"] is None else f"{100 * column['fold_deviation']:.1f}",
            words.mark(column) + per_cent_cell(column["balanced_accuracy"], column["balanced_accuracy_ci95"]),
            number(column["test_loss"]),
            words.time_cell(column),
        )
        for column in result["columns"]
    ]
    by_class = [
        (
            f"{words.mark(column)}{column['title']}",
            name,
            per_cent_cell(column["sensitivity"][name], column["sensitivity_ci95"][name]),
            per_cent_cell(column["specificity"][name], column["specificity_ci95"][name]),
        )
        for column in result["columns"]
        for name in result["classes"]
    ]
    caption = (
        "Accuracies of single folds in per cent; deviation: their standard deviation, in points. Test loss: "
        "cross-entropy after the last epoch, mean of the folds. Time: training of all folds, without tests and "
        "generators."
    )
    return [
        Table(head, rows, frozenset(range(1, len(head))), caption),
        Table(("training", "class", "sensitivity", "specificity"), by_class, frozenset({2, 3}), "By class:"),
    ]


def _title(result: SideBySideResult, column: Column) -> str:
    return "\n".join(filter(None, (column["title"], words.training_in_words(result, column), column["run"])))


def _differences(result: SideBySideResult) -> list[Block]:
    rows, by_class = [], []
    for each in result["differences"]:
        measures = each["measures"]
        accuracy, balanced = measures["accuracy"], measures["balanced_accuracy"]
        rows.append(
            (
                f"{each['title']}\n{each['second']} against {each['first']}",
                points_cell(accuracy["difference"], accuracy["ci95"]),
                p_value(accuracy["p_value"]),
                points_cell(balanced["difference"], balanced["ci95"]),
            )
        )
        for measure, found in measures.items():
            of_class = measure.partition("/")[2]
            if of_class:
                points = points_cell(found["difference"], found["ci95"])
                by_class.append((each["title"], of_class, points, p_value(found["p_value"])))
    caption = (
        "Differences in percentage points, paired on the same images, with 95 % intervals from a bootstrap over "
        "groups. p: McNemar's exact test on groups."
    )
    return [
        Table(("difference", "accuracy", "p", "balanced accuracy"), rows, frozenset({1, 2, 3}), caption),
        Table(("difference", "class", "sensitivity", "p"), by_class, frozenset({2, 3}), "By class:"),
    ]
