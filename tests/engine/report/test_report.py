"""The report of a study: HTML and PDF have the same content, and the file runs no scripts and needs no other file."""

import io
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from drawn_runs import noise_png
from measured_runs import add_synthesis, add_validation
from PIL import Image
from pypdf import PdfReader

from busapp.engine import jobs
from busapp.engine.catalog import NewImage
from busapp.engine.events import Finished, Progress
from busapp.engine.report import checklists, make_report, write_report
from busapp.engine.report.blocks import Bullets, Heading, Illustration, Illustrations, Paragraph, Report, Table
from busapp.engine.report.facts import OF_RUNS, facts
from busapp.engine.report.html import to_html
from busapp.engine.report.pdf import to_pdf
from busapp.engine.report.settings import settings_of
from busapp.engine.report.subject import Subject, pairs_to_compare
from busapp.engine.results.measured import Measured
from busapp.engine.results.predictions import FILE
from busapp.engine.settings import (
    GainSettings,
    ImportSettings,
    LeaksSettings,
    OptimizersSettings,
    SynthesizeSettings,
)
from busapp.engine.settings.recipes import RECIPES
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.blind_review import begin, finish
from busapp.engine.synthesis.blind_review_result import Share
from busapp.engine.utils.files import write_json
from busapp.engine.utils.versions import installed, software
from busapp.errors import BadInput


def words_of_html(content: bytes) -> str:
    """The text that a reader sees: without tags and pictures, white space collapsed."""
    body = re.sub(r"<nav.*</nav>", "", content.decode().partition("<body>")[2], flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def words_of_pdf(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).split())


def html_of(workspace: Workspace) -> str:
    return write_report(workspace, workspace.root.parent / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def study(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A study with a strict run, a published one and an older one. Not to be changed."""
    root = tmp_path_factory.mktemp("report") / "study"
    shutil.copytree(_phantom_template, root)
    workspace = Workspace.open(root)
    add_validation(workspace, right=0.5)
    add_validation(workspace)
    add_validation(workspace, protocol="published", right=0.95)
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def html(study: Workspace) -> str:
    return html_of(study)


def test_an_empty_study_has_a_report(empty_study: Workspace, tmp_path: Path) -> None:
    html = write_report(empty_study, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Research use only. Not a medical device." in html
    assert html.count("No cross-validation is finished yet.") > 1 and "hantoms" not in html
    assert "to be filled in" in html
    pdf = write_report(empty_study, tmp_path / "report.pdf").read_bytes()
    assert "No cross-validation is finished yet." in words_of_pdf(pdf)


def test_runs_are_shown_with_protocol_interval_and_leaks(html: str, study: Workspace) -> None:
    assert html.count("This number leaks.") == 1 and html.count("Nothing leaks that this program knows of.") == 1
    assert "Let through: weights are carried from fold to fold; near-duplicates fall on both sides" in html
    assert "groups on both sides of a fold: 3" in html
    assert "The study has 3 finished cross-validations, 2 reported in full below (marked •)." in html
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html), "the file must need no other"
    for picture in ("confusion matrix", "receiver operating characteristics", "reliability", "accuracy and loss"):
        assert html.count(f"{picture} of system1") == 2
    result = Measured.of(study.runs("validate")[0]).result
    low, high = result["accuracy_ci95"]
    assert f"{100 * result['accuracy']:.1f} %" in html and f"{100 * low:.1f} to {100 * high:.1f}" in html
    assert f"{result['auc_ci95']['normal'][0]:.3f} to {result['auc_ci95']['normal'][1]:.3f}" in html
    assert f"{result['operating_points']['benign']['threshold']:.3f}" in html


def test_runs_are_compared_on_the_images_they_share(html: str) -> None:
    words = words_of_html(html.encode())
    assert "system1, strict against system1, published 24 in 24 the same −" in words
    assert "1 comparison, not corrected for their number" in words


def test_html_and_pdf_say_the_same(study: Workspace, tmp_path: Path) -> None:
    run = study.runs("validate")[0]
    for kind in ("html", "pdf"):
        for _ in make_report(study, tmp_path / f"r.{kind}", runs=[run.id]):
            pass
    pdf = words_of_pdf((tmp_path / "r.pdf").read_bytes())
    html = words_of_html((tmp_path / "r.html").read_bytes())
    assert len(set(html.split())) > 700
    # A line break within a long word splits it.
    for words, others in ((html, pdf), (pdf, html)):
        together = others.replace(" ", "")
        assert [word for word in words.split() if word not in together and word not in ("page", "•")] == []


def test_the_pdf_has_its_fonts_bookmarks_and_feet(study: Workspace, tmp_path: Path) -> None:
    reader = PdfReader(write_report(study, tmp_path / "r.pdf"))
    fonts = {
        str(font["/BaseFont"])
        for page in reader.pages
        for font in (each.get_object() for each in page["/Resources"]["/Font"].values())
    }  # type: ignore[index, union-attr]
    assert any("DejaVuSans" in name for name in fonts)
    assert reader.metadata is not None and reader.metadata.title == "Phantoms"
    chapters = [entry.title for entry in reader.outline if not isinstance(entry, list)]  # type: ignore[union-attr]
    assert chapters[:2] == ["Images", "Validation"] and chapters[-1] == "Appendix B: CLAIM"
    assert all("Research use only" in page.extract_text() for page in reader.pages)


def test_names_of_every_script_stay_apart() -> None:
    for one, other in (("王小明", "李小龙"), ("सीता", "गीता"), ("\U00020bb7", "\U00020bb8"), ("a\u200b", "a\u200c")):
        reports = [Report("Study", "", [Heading(name), Table(("x",), [(f"{name}/1.png",)])]) for name in (one, other)]
        for words in (words_of_pdf, words_of_html):
            make = to_pdf if words is words_of_pdf else to_html
            first, second = (words(make(report)) for report in reports)
            assert first != second
    embedded = PdfReader(io.BytesIO(to_pdf(Report("王小明", "सीता", [])))).pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    names = " ".join(str(font.get_object()["/BaseFont"]) for font in embedded.values())
    assert "DroidSansFallback" in names and "NotoSansDevanagari" in names


def test_any_text_can_be_written() -> None:
    odd = "<b>&amp; Киста κύστη 囊肿 한글 ≥ – × \x00\x1b \udcff 😀 " + "x" * 300
    grey = io.BytesIO()
    Image.new("L", (40, 3000), 128).save(grey, "PNG")
    tall = Illustration(grey.getvalue(), odd, 1.0)
    blocks = [
        Heading(odd),
        Paragraph(odd, lead=odd, tone="warning"),
        Bullets([odd]),
        Table((odd, "n"), [("word " * 3000, "1")] + [(odd, "2\n3")] * 60, frozenset({1}), odd),
        tall,
        Illustrations([tall] * 9, synthetic=True),
    ]
    report = Report(odd, odd, blocks)
    html, pdf = to_html(report).decode(), words_of_pdf(to_pdf(report))
    assert "<b>" not in html and "&lt;b&gt;&amp;amp; Киста κύστη 囊肿" in html and "\x1b" not in html
    assert "<b>&amp; Киста κύστη 囊肿 한글 ≥ – ×" in pdf
    with pytest.raises(ValueError, match="row"):
        Table(("a", "b"), [("1",)])


def test_generators_and_synthetic_images_are_marked(phantom_study: Workspace, tmp_path: Path) -> None:
    settings = SynthesizeSettings.model_validate({"class_name": "normal"})
    run = phantom_study.new_run("synthesize", settings.kept())
    result = {"class": "normal", "preset": "quick", "epochs": 2, "seconds": 1.0, "images": 1}
    write_json(run.folder / "result.json", {**result, "kid": 0.2, "kid_floor": 0.01})
    run.info.state = "finished"
    run.save()
    picture = tmp_path / "drawn.png"
    Image.new("RGB", (32, 32), "grey").save(picture)
    sha256 = phantom_study.store_image(picture.read_bytes(), ".png")
    drawn = NewImage("normal/drawn.png", sha256, ".png", "normal", 32, 32, kind="synthetic", run=run.id)
    phantom_study.catalog.add([drawn], "drawn")
    html = html_of(phantom_study)
    assert "synthetic normal, example 1" in html and "KID" in html and "0.200" in html and "0.010" in html
    assert "FID" not in html, "an older result has no more"
    assert "Copies of training images were not searched for." in html


def test_the_generators_of_each_class_have_their_scores_pictures_and_curves(phantom_study: Workspace) -> None:
    unused, older = add_synthesis(phantom_study, "malignant", in_catalog=0), add_synthesis(phantom_study, "malignant")
    run = add_synthesis(phantom_study, "malignant", copies=2, left_out=1)
    html = html_of(phantom_study)
    assert html.index(f"Run {run.id}.") < html.index(f"Run {older.id}."), "images of both are in use"
    assert f"Run {unused.id}." not in html
    assert "Trained on 2 images for 4 epochs at 16×16 pixels, batch 16" in html
    assert "Left out: 2 near-copies of training images, and 1 image that had been set aside." in html
    for title, drawn, floor in (
        ("KID", "0.210 ± 0.021", "0.010 ± 0.001"),
        ("FID", "21.0 ± 2.1", "1.0 ± 0.1"),
        ("Precision", "0.21 ± 0.02", "0.01 ± 0.00"),
    ):
        row = next(row for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if f">{title}<" in row)
        assert drawn in row and floor in row
    assert "over random subsets of 12 images" in html and "compare only with its floor" in html
    for picture in ("real and synthetic images", "grid of synthetic samples", "loss curves of the generator"):
        assert picture in html
    words = words_of_pdf(write_report(phantom_study, phantom_study.root.parent / "report.pdf").read_bytes())
    assert "near-copies" in words and "0.210 ± 0.021" in words


def test_a_blinded_review_stands_with_its_generator(phantom_study: Workspace) -> None:
    run = add_synthesis(phantom_study, "malignant")
    assert "Reviewed blindly." not in html_of(phantom_study)
    for number in range(4):
        sha256 = phantom_study.store_image(noise_png(number), ".png")
        name = f"synthetic/{number}.png"
        new = NewImage(name, sha256, ".png", "malignant", 16, 16, kind="synthetic", run=run.id)
        phantom_study.catalog.add([new], "drawn")
    review = begin(phantom_study, run, "Dr A", 4)
    for _ in range(3):
        review = review.called("real", 1.0).judged(True, "", 1.0)
    correct = sum(question.kind == "real" for question in review.questions[:3])
    finish(phantom_study, run, review)
    html = html_of(phantom_study)
    assert "Reviewed blindly." in html and "Dr A, 20" in html and "ended after 3 of 8 images" in html
    assert f"{correct} of 3 correct, {Share.of_list([True] * correct + [False] * (3 - correct)).in_words()}" in html


def test_images_with_text_are_no_examples(phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    of_class = [image.id for image in images if image.class_name == "normal"]
    phantom_study.catalog.set_curation([i.id for i in images], [], {i: ["text"] for i in of_class[:-1]}, {})
    html = html_of(phantom_study)
    assert "normal, example 1" in html and "normal, example 2" not in html and "benign, example 6" in html


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "study", name="<script>alert(1)</script>")
    folder = tmp_path / "<b>cyst"
    folder.mkdir()
    Image.effect_noise((32, 32), 40).save(folder / "a.png")
    for _ in jobs.start(workspace, ImportSettings(sources=(folder,))):
        pass
    html, pdf = html_of(workspace), words_of_pdf(write_report(workspace, tmp_path / "report.pdf").read_bytes())
    workspace.close()
    assert "<script>" not in html and "&lt;script&gt;" in html and "<script>alert(1)</script>" in pdf
    assert "<b>" not in html and "&lt;b&gt;cyst" in html and "<b>cyst" in pdf


def test_what_cannot_be_written_is_named(empty_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match=r"report\.html"):
        write_report(empty_study, tmp_path / "file" / "report.html")
    with pytest.raises(BadInput, match=r"\.html or \.pdf"):
        write_report(empty_study, tmp_path / "report.doc")


def test_what_changed_since_a_run_is_told(phantom_study: Workspace) -> None:
    add_validation(phantom_study)
    assert "the dataset has changed" not in html_of(phantom_study)
    phantom_study.catalog.reclassify([phantom_study.catalog.images()[0].id], "<b>cyst")
    assert "Since this run began, the dataset has changed: 1 image is now &lt;b&gt;cyst." in html_of(phantom_study)


def test_a_run_whose_predictions_are_gone_is_told_of_all_the_same(phantom_study: Workspace) -> None:
    for run in (add_validation(phantom_study), add_validation(phantom_study, protocol="published")):
        (run.folder / FILE).unlink()
    html = html_of(phantom_study)
    assert html.count("Some measures are missing.") == 2 and "confusion matrix of system1, strict" in html
    assert "Runs compared" not in html


def test_settings_stand_once_where_they_are_shared(html: str, study: Workspace) -> None:
    words = words_of_html(html.encode())
    assert "Batch size 32 images" in words and "Learning rate 0.0001" in words
    assert (
        "setting system1, published system1, strict Protocol published strict Leak: weights carried over yes no"
        in words
    )
    careful = settings_of(Measured.of(study.runs("validate")[0]))
    assert careful["ImageNet weights"] == "yes" and careful["Weights file"] == "–"


def test_a_run_keeps_the_versions_it_began_with(html: str, study: Workspace) -> None:
    assert study.runs("validate")[0].info.versions == installed() and installed()["torch"]
    assert f"torch {installed()['torch']} {installed()['torch']} {installed()['torch']}" in words_of_html(html.encode())


def test_a_run_that_was_resumed_with_other_versions_names_both(phantom_study: Workspace) -> None:
    run = add_validation(phantom_study)
    run.info.resumed = [{**software(), "torch": "99.0"}]
    run.save()
    assert f"torch {installed()['torch']} {installed()['torch']}, then 99.0" in words_of_html(
        html_of(phantom_study).encode()
    )


def test_what_the_leaks_are_worth_is_told_where_it_was_measured(phantom_study: Workspace) -> None:
    published, strict = add_validation(phantom_study, protocol="published"), add_validation(phantom_study)
    run = phantom_study.new_run("leaks", LeaksSettings().kept())
    worth = {"difference": -0.1, "paired_difference": -0.08, "paired_ci95": [-0.12, -0.04], "p_value": 0.0004}
    steps = [
        {"leak": "", "label": "published", "run": published.id, "accuracy": 0.95, "accuracy_ci95": [0.9, 0.97],
         **dict.fromkeys(worth)},
        {"leak": "carry_weights", "label": "weights carried over", "run": strict.id, "accuracy": 0.85,
         "accuracy_ci95": [0.8, 0.9], **worth},
    ]  # fmt: skip
    trained = {"system": "system1", "recipe": "paper", "folds": 10, "epochs": 20}
    result = {**trained, "steps": steps, "alone": steps[1:], "picked_epoch": {strict.id: 0.03}}
    write_json(run.folder / "result.json", result)
    run.info.state = "finished"
    run.save()
    words = words_of_html(html_of(phantom_study).encode())
    assert "Measured with system1, paper recipe, 10 folds × 20 epochs, in run" in words
    assert "From 95.0 % as published to 85.0 % under strict" in words
    assert "weights carried over 85.0 % 80.0 to 90.0 −10.0 −8.0 −12.0 to −4.0 < 0.001" in words
    assert "3.0 to 3.0 points higher" in words


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_what_synthetic_images_are_worth_is_told_where_it_was_measured(
    phantom_study: Workspace, tmp_path: Path, suffix: str
) -> None:
    assert "What the synthetic images are worth" not in html_of(phantom_study)
    plain, synthetic = add_validation(phantom_study), add_validation(phantom_study, system="system2")
    run = phantom_study.new_run("gain", GainSettings().kept())
    interval = [0.75, 0.85]
    trainings = {
        name: {
            "run": each.id, "variants": 0, "class_weighting": 0.0, "accuracy": 0.8, "accuracy_ci95": interval,
            "balanced_accuracy": 0.8, "balanced_accuracy_ci95": interval, "sensitivity": {"benign": 0.8},
            "sensitivity_ci95": {"benign": interval}, "n_images": 24, "n_synthetic": 5,
        }
        for name, each in (("plain", plain), ("synthetic", synthetic))
    }  # fmt: skip
    measures = {
        "accuracy": {"difference": -0.02, "ci95": [-0.031, -0.011], "p_value": 0.0004},
        "sensitivity/benign": {"difference": 0.0, "ci95": None, "p_value": 1.0},
    }
    result = {
        "recipe": "paper", "folds": 4, "epochs": 3, "seed": 0, "classes": ["benign"], "n_images": 24, "n_groups": 24,
        "grown": {"benign": [5, 5]}, "generators": [{"preset": "quick", "epochs": 150, "image_size": 64}],
        "more_steps": 0.25, "devices": ["CPU"], "trainings": {**trainings, "augmented": None},
        "differences": {"synthetic": measures, "augmented": None, "instead": None},
        "verdict": "harms", "against_augmented": None,
    }  # fmt: skip
    write_json(run.folder / "result.json", result)
    run.info.state = "finished"
    run.save()
    path = write_report(phantom_study, tmp_path / f"report.{suffix}")
    words = (words_of_pdf if suffix == "pdf" else words_of_html)(path.read_bytes())
    assert "Synthetic images did harm here: accuracy −2.0 points (−3.1 to −1.1) against the same training" in words
    assert f"Measured in run {run.id}" in words and "25 % more images to train on" in words
    assert f"System 2, synthetic images added {synthetic.id} 80.0 % 75.0 to 85.0" in words
    assert "Accuracy −2.0 −3.1 to −1.1 < 0.001" in words
    assert "Sensitivity, benign (grown) 0.0 1.000" in words


def test_every_fact_answers_an_item_and_every_item_asks_for_facts_there_are(
    study: Workspace, empty_study: Workspace
) -> None:
    tripod, claim = checklists.load_checklists()
    items = [item for checklist in (tripod, claim) for part in checklist["parts"] for item in part["items"]]
    assert sum(len(part["items"]) for part in tripod["parts"]) == 52
    assert [item["number"] for part in claim["parts"] for item in part["items"]] == [str(n) for n in range(1, 45)]
    asked = {name for item in items for name in item["facts"]}
    measured = [Measured.of(study.runs("validate")[0])]
    known = facts(Subject(study, measured))
    assert asked == known.keys()
    assert known.keys() - facts(Subject(empty_study, [])).keys() == OF_RUNS
    assert all(item["facts"] or item["fill"] for item in items)
    assert all(text.endswith(".") and ".." not in text for text in known.values())


def test_the_checklists_say_of_a_hold_out_and_of_carried_weights_what_was_done(phantom_study: Workspace) -> None:
    published = add_validation(phantom_study, protocol="published")
    path = published.folder / "result.json"
    recipe = {**RECIPES["paper"].model_dump(), "weight_averaging": 0.9, "learning_rate": 0.02}
    write_json(path, {**(published.result() or {}), "training": recipe, "frozen_stages": 7})
    known = facts(Subject(phantom_study, [Measured.of(published)]))
    assert "which had trained on it in an earlier fold" in known["predictions"]
    assert "in a hold-out, a fifth is tested" in known["used_twice"]
    assert "learning rate 0.02" in known["training"] and "7 of 19 stages frozen" in known["training"]
    assert "a moving average of them" in known["final_model"]
    strict = facts(Subject(phantom_study, [Measured.of(add_validation(phantom_study))]))
    assert "trained on it in an earlier fold" not in strict["predictions"]


def test_few_runs_are_all_compared_and_many_where_one_thing_differs(phantom_study: Workspace) -> None:
    run = add_validation(phantom_study)
    result = run.result() or {}

    def measured(system: str, protocol: str) -> Measured:
        switches = dict.fromkeys(result["switches"], protocol == "published")
        return Measured(run, {**result, "system": system, "protocol": protocol, "switches": switches})

    some = [measured(system, protocol) for system in ("system1", "system2") for protocol in ("published", "strict")]
    assert len(pairs_to_compare(some)) == 6
    more = [*some, measured("existing", "strict")]
    assert [sorted({more[a].title, more[b].title}) for a, b in pairs_to_compare(more)][:2] == [
        ["system1, published", "system1, strict"],
        ["system1, published", "system2, published"],
    ]
    assert (1, 4) in pairs_to_compare(more) and (0, 4) not in pairs_to_compare(more)


def test_it_tells_how_far_it_is_and_can_be_stopped(study: Workspace, tmp_path: Path) -> None:
    events = list(make_report(study, tmp_path / "r.pdf"))
    assert isinstance(events[-1], Finished) and events[-1].result["report"] == str(tmp_path / "r.pdf")
    said = [event.what for event in events if isinstance(event, Progress)]
    assert len(said) > 20 and "laying out" in said and "figures of system1, strict" in said
    job = make_report(study, tmp_path / "stopped.pdf")
    for event in job:
        if isinstance(event, Progress) and event.what == "laying out":
            break
    job.close()
    assert not (tmp_path / "stopped.pdf").exists()


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_optimisers_are_compared_where_they_were_measured(
    phantom_study: Workspace, tmp_path: Path, suffix: str
) -> None:
    assert "The optimisers compared" not in html_of(phantom_study)
    run = phantom_study.new_run("optimizers", OptimizersSettings().kept())
    interval = [0.75, 0.85]
    epoch = {"epoch": 1, "train_loss": 0.5, "train_accuracy": 0.9, "test_loss": 0.625, "test_accuracy": 0.8}
    columns = [
        {
            "title": title, "run": f"run of {title}", "system": "system1", "network": "cnn", "optimizer": title,
            "learning_rate": rate, "leaks": leaks, "accuracy": 0.8, "accuracy_ci95": interval,
            "balanced_accuracy": 0.78, "balanced_accuracy_ci95": interval, "sensitivity": {"benign": 0.77},
            "sensitivity_ci95": {"benign": interval}, "specificity": {"benign": 0.76},
            "specificity_ci95": {"benign": interval}, "fold_range": [0.7, 0.9], "fold_deviation": 0.04,
            "test_loss": 0.625, "train_seconds": 120.0, "n_images": 24, "n_groups": 24, "n_synthetic": 0,
            "epochs": [epoch],
        }
        for title, rate, leaks in (("Adam", 0.001, []), ("RMSprop", 0.002, ["weights are carried"]))
    ]  # fmt: skip
    measures = {
        "accuracy": {"difference": -0.02, "ci95": [-0.031, -0.011], "p_value": 0.0004},
        "balanced_accuracy": {"difference": -0.01, "ci95": [-0.02, 0.01], "p_value": None},
        "sensitivity/benign": {"difference": 0.0, "ci95": None, "p_value": 1.0},
    }
    result = {
        "protocol": "published", "recipe": "paper", "folds": 4, "epochs": 1, "seed": 0, "classes": ["benign"],
        "n_images": 24, "n_groups": 24, "generators": [], "devices": ["CPU"], "columns": columns, "skipped": [],
        "differences": [
            {"title": "RMSprop against Adam", "first": "Adam", "second": "RMSprop", "measures": measures},
        ],
    }  # fmt: skip
    write_json(run.folder / "result.json", result)
    run.info.state = "finished"
    run.save()
    path = write_report(phantom_study, tmp_path / f"report.{suffix}")
    words = (words_of_pdf if suffix == "pdf" else words_of_html)(path.read_bytes())
    assert "The optimisers compared" in words and f"Measured in run {run.id}" in words
    assert "Of 1 difference in accuracy, 1 is shown: RMSprop against Adam −2.0 points (−3.1 to −1.1)" in words
    assert "RMSprop learning rate 0.002 run of RMSprop ⚠ 80.0 % 75.0 to 85.0 ⚠ 70.0 to 90.0 4.0 ⚠ 78.0 %" in words
    assert "Adam learning rate 0.001 run of Adam 80.0 %" in words
    assert "−2.0 −3.1 to −1.1 < 0.001 −1.0 −2.0 to +1.0" in words
    assert "These numbers leak: weights are carried." in words
