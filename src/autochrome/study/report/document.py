"""A study's report: its figures as sections of a document, each with what a reader must know to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path

import numpy as np

from autochrome._version import __version__
from autochrome.report.html import Document, Figure, Gallery, Note, Part, Section, Table, Text, charts
from autochrome.study.records import Protocol, Stage
from autochrome.study.report.results import (
    differences_section,
    oracles_section,
    questionnaire_section,
    results_section,
)
from autochrome.study.report.summary import Example, Histogram, Summary
from autochrome.study.report.wording import SUCCESS, number, percent, plural, share
from autochrome.study.statistics.agreement import Agreement

_GALLERY_PX = 512

_READING = """\
**Main figures** leave out trials whose timing slipped and raters who failed the attention checks, by rules \
that were fixed in advance; the table with and without them is under Results.

**Photos** are the sample: intervals and tests ask what other photos of the same kind would give. Votes on \
one photo agree more than votes on different photos, and so do votes of one rater, so treating every vote as \
independent would overstate the certainty.

**Raters** were not sampled from a known population. Nothing is known about their screens, rooms or eyes, \
and color-blind raters are not told apart from others.

**Not significant** does not mean equal; look at the width of the interval.

**Other studies**, with other photos, people or instructions, give other rates. Compare systems within one \
study."""


def report(summary: Summary) -> Document:
    """Return a study's figures as a document to read."""
    design, status = summary.design, summary.status
    facts = {
        "protocol": str(design.protocol),
        "photos": f"{summary.pictures}",
        "systems": f"{len(design.systems)}",
        "raters who count": f"{summary.raters}",
        "judgments that count": f"{summary.counted} of {summary.judged}",
        "votes per unit": f"{status.fewest} to {status.most}, {status.wanted} needed",
        "state": "complete" if status.done else f"{status.missing} votes missing",
    }
    if summary.days:
        facts["votes from"] = " to ".join(dict.fromkeys(summary.days))
    facts |= {"autochrome": __version__, "study": summary.study[:8]}
    subtitle = f"Results of a study. Raters were asked: “{design.question}”"
    return Document(design.title, _sections(summary), subtitle, facts)


def _sections(summary: Summary) -> list[Section]:
    """Return everything that is known about the study; sections without content are left out."""
    if not summary.counted:
        empty = Section("Results", [Note("There are no votes that count yet.", "warning")])
        return [empty, _people(summary), _design(summary)]
    makers: list[Callable[[Summary], Section | None]] = [
        results_section,
        differences_section,
        oracles_section,
        questionnaire_section,
        _gallery,
        _people,
        _timing,
        _design,
        lambda _: Section("How to read this", [Text(_READING)]),
    ]
    return [section for make in makers if (section := make(summary)) is not None]


def _gallery(summary: Summary) -> Section | None:
    protocol = summary.design.protocol
    galleries: list[Part] = []
    for label, extremes in summary.galleries.items():
        preference = protocol is Protocol.PREFERENCE
        shown, beside = label.split(" against ") if preference else (label, "true photo")
        head = [f"most often: {shown}", beside, f"least often: {shown}", beside]
        items = [
            (str(place), [figure for example in pair if example for figure in _pair(example)])
            for place, pair in enumerate(zip_longest(*extremes.values()), 1)
        ]
        galleries.append(Gallery(items, head, f"**{label}**: most and least often {SUCCESS[protocol]}."))
    lead = (
        "As raters saw them. With few votes per photo both ends are partly luck: judged again, they would"
        " move toward the middle."
    )
    return Section("Photos at both ends", galleries, lead) if galleries else None


def _pair(example: Example) -> list[Figure]:
    alt, beside = f"{example.picture}, {example.system}", example.rival or "true photo"
    caption = f"{example.picture}: {example.successes} of {example.votes}"
    return [
        Figure(_inlined(example.shown), alt, caption),
        Figure(_inlined(example.beside), f"{example.picture}, {beside}"),
    ]


def _inlined(path: Path) -> bytes:
    """Return a picture small enough to appear in the report beside a hundred others."""
    import pyvips

    picture = pyvips.Image.thumbnail(str(path), _GALLERY_PX, height=_GALLERY_PX, size="down")
    return picture.webpsave_buffer(Q=90, effort=2)


def _people(summary: Summary) -> Section:
    status, attention = summary.status, summary.attention
    stages = ", ".join(f"{status.votes.get(stage, 0)} {stage}" for stage in Stage)
    rows = [
        ["raters enrolled", str(status.enrolled)],
        ["finished all their trials", str(status.finished)],
        ["whose test votes count", str(summary.raters)],
        ["answers", stages],
        ["left out for failing the attention checks", f"{plural(summary.inattentive_out, 'rater')}"],
        ["left out for timing", f"{plural(summary.slipped_out, 'judgment')}"],
    ]
    parts: list[Part] = [Table(["", ""], rows, "Raters are anonymous; only numbers are known.", 1)]
    if attention.caught:
        text = (
            f"**Attention.** Pictures in another photo's colors were recognized in {share(attention.caught)}"
            f" of {plural(attention.caught.votes, 'trial')}; CIC's raters caught 96%. Raters who failed more"
            f" than {attention.most_failed:.0%} of theirs are left out."
        )
        parts.append(Text(text))
    elif summary.design.vigilance == 0:
        text = "**Attention.** The study has no attention checks, so nobody is left out for failing them."
        parts.append(Text(text))
    if summary.agreement:
        parts.append(_agreement_table(summary.agreement))
    return Section("Who took part", parts)


def _agreement_table(agreements: Mapping[str, Agreement]) -> Table:
    return Table.of(
        agreements.items(),
        {
            "system": lambda item: item[0],
            "alpha [95%]": lambda item: (
                number(item[1].alpha.value, item[1].alpha.interval) if item[1].alpha else "–"
            ),
            "pairs that agree": lambda item: percent(item[1].percent),
            "kappa": lambda item: number(item[1].kappa),
            "pictures": lambda item: str(item[1].units),
        },
        "Agreement of raters on the same picture. Krippendorff's alpha is 1 if all agree and 0 at chance. Low"
        " values are usual here: what fools half of the people is what they disagree on. Fleiss' kappa is"
        " given only if all pictures have the same number of votes.",
    )


def _timing(summary: Summary) -> Section | None:
    timing, design = summary.timing, summary.design
    if timing is None:
        return None
    words, figures = [], []
    if design.timed:
        words.append(
            f"The pages measure how long each picture was on the screen. In {timing.slipped} of"
            f" {timing.answers} test trials ({timing.slipped / timing.answers:.1%}) it was off by more than"
            f" {design.tolerance_ms} ms, or the page was hidden; these trials are left out above."
        )
    if timing.shown_ms and timing.shown_middle:
        low, middle, high = timing.shown_middle
        caption = (
            f"Single displays: designed {design.exposure_ms} ms, median {middle:.0f}, from {low:.0f} to"
            f" {high:.0f}. Values beyond the axis are in the outermost bins."
        )
        figures.append(_histogram(timing.shown_ms, "shown for, ms", caption))
    words.append(f"Half of the answers came within {timing.response_median_s:.1f} s.")
    caption = "Time from the end of the display to the answer."
    figures.append(_histogram(timing.response_s, "time to answer, s", caption))
    if summary.first_slot:
        words.append(
            f"The picture shown first was chosen in {share(summary.first_slot)} of votes; without a bias it"
            " is 50%. The order is balanced, so a bias widens errors but moves no rate toward a system."
        )
    return Section("Timing", [Text("\n\n".join(words)), *figures])


def _histogram(histogram: Histogram, xlabel: str, caption: str) -> Figure:
    edges, counts = np.array(histogram.edges), np.array(histogram.counts, dtype=float)
    chart = charts.steps({"trials": (edges, counts)}, xlabel=xlabel, ylabel="count")
    mode = int(counts.argmax())
    alt = f"Histogram; the fullest bin is from {edges[mode]:g} to {edges[mode + 1]:g} ({xlabel})."
    return Figure(chart, alt, caption)


def _design(summary: Summary) -> Section:
    design = summary.design
    stages = f"{design.practice} practice, {design.trials} test, {design.vigilance} attention"
    rows = [
        ["question", design.question],
        ["systems", ", ".join(design.folders())],
        ["photos", str(summary.pictures)],
        ["votes needed per photo and system", str(design.raters)],
        ["trials per rater", stages],
        ["pictures", f"{design.size} px, central square" if design.size else "as they are"],
        ["seed", str(design.seed)],
    ]
    if design.timed:
        rows.append(["shown for", f"{design.exposure_ms} ms each, ±{design.tolerance_ms} ms allowed"])
        rows.append(["blank before each", f"{design.pause_ms} ms"])
    if design.practice:
        rows.append(["feedback in practice", f"{design.feedback_ms} ms"])
    consent = Text(f"What raters agreed to:\n\n{design.consent}")
    return Section("How the study was done", [Table(["", ""], rows, numeric_from=2), consent])
