"""The table of the paper on histology patches in the report."""

from dataclasses import replace

from measured_runs import add_validation

from busapp.engine.paper.published_histology import AUTHORS, contradictions
from busapp.engine.report.blocks import Bullets, Heading, Table
from busapp.engine.report.subject import Subject
from busapp.engine.report.together import histology_paper
from busapp.engine.results.measured import Measured
from busapp.engine.study.workspace import Workspace


def test_a_run_of_its_network_brings_the_paper_into_the_report(phantom_study: Workspace) -> None:
    phantom_study.catalog.reclassify([r.id for r in phantom_study.catalog.images(class_name="normal")], "benign")
    plain = Measured.of(add_validation(phantom_study, network="cnn", protocol="published"))
    assert histology_paper(Subject(phantom_study, [plain])) == []
    small = Measured.of(add_validation(phantom_study, network="resnet-small"))
    real = replace(phantom_study, phantoms=False)
    heading, table, notes = histology_paper(Subject(real, [plain, small]))
    assert heading == Heading(f"Table 2 of {AUTHORS}")
    assert isinstance(table, Table) and isinstance(notes, Bullets)
    assert [row[0].split("\n")[0] for row in table.rows] == [
        "Alruwaili et al. [1]: ResNet",
        "Zebari et al. [33]: CNN",
        f"{AUTHORS}, proposed: GAN + ResNet",
        "Plain CNN, system1, published",
        "Small ResNet, system1, strict",
    ]
    protocols = [row[1] for row in table.rows]
    assert protocols == ["not stated"] * 3 + ["published\n⚠ leaks", "strict\nleaks nothing"]
    assert set(contradictions()) <= set(notes.items)
    of_phantoms = histology_paper(Subject(phantom_study, [plain, small]))[1]
    assert isinstance(of_phantoms, Table) and len(of_phantoms.rows) == 2
    real.close()
