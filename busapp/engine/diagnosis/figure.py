"""A diagnosis as a picture: the image, its heat map and the probabilities."""

from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from PIL import Image

from busapp.engine.diagnosis.diagnosis import Diagnosis
from busapp.engine.images.heat_map import COLOURS, contours, overlay
from busapp.engine.utils.figures import ORANGE


def diagnosis_figure(image: Image.Image, diagnosis: Diagnosis) -> Figure:
    """Draw the picture, its heat map with a colour bar and a line at half of its maximum, and the probabilities of all
    classes, side by side."""
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    axes: dict[str, Axes] = figure.subplot_mosaic([["picture", "heat", "bars"]], width_ratios=(1, 1, 1.1))
    picture, heat, bars = (axes[name] for name in ("picture", "heat", "bars"))
    picture.imshow(image)
    picture.set_title("image", fontsize=9)
    shown = heat.imshow(overlay(image, diagnosis.heat_map), cmap=ListedColormap(COLOURS / 255), vmin=0, vmax=1)
    for line in contours(diagnosis.heat_map, image.size):
        heat.plot(line[:, 0] - 0.5, line[:, 1] - 0.5, color="white", linewidth=0.9)
    heat.set_title(f"evidence for {diagnosis.predicted}", fontsize=9, parse_math=False)
    bar = figure.colorbar(shown, ax=[picture, heat], location="bottom", shrink=0.5, aspect=40, ticks=[0, 1])
    bar.ax.set_xticklabels(["none", "strongest"], fontsize=7)
    for shown_in in (picture, heat):
        shown_in.set_axis_off()
    _draw_probabilities(bars, diagnosis)
    return figure


def _draw_probabilities(axes: Axes, diagnosis: Diagnosis) -> None:
    names = list(diagnosis.probabilities)
    values = [diagnosis.probabilities[name] for name in names]
    colours = [ORANGE if name == diagnosis.predicted and not diagnosis.abstained else "0.6" for name in names]
    drawn = axes.barh(names, values, color=colours)
    axes.bar_label(drawn, [f"{100 * value:.1f} %" for value in values], padding=3, fontsize=8)
    axes.set_xlim(0, 1.25)
    axes.set_xticks([0, 0.5, 1])
    axes.invert_yaxis()
    axes.set_title("no answer" if diagnosis.abstained else f"probability: {diagnosis.predicted}", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
