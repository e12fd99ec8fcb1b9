"""Sections of a study's report: rates, differences, the best of several samples, true against generated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autochrome.report.html import Figure, Note, Part, Section, Table, Text, charts
from autochrome.study.records import TRUTH, Protocol
from autochrome.study.report.summary import Summary
from autochrome.study.report.wording import (
    RATE,
    SUCCESS,
    bounds,
    number,
    p_is,
    p_value,
    percent,
    percents,
    plural,
    points,
    share,
)
from autochrome.study.statistics import published
from autochrome.study.statistics.comparisons import Comparison
from autochrome.study.statistics.preference import Preferences
from autochrome.study.statistics.questionnaire import GENERATED
from autochrome.study.statistics.rates import Rate
from autochrome.study.statistics.selection import MAIN, SELECTIONS

_WHISKERS = "Dots: rates; whiskers: 95% intervals for new pictures and new raters."
_CHART_CAPTION = {
    Protocol.QUESTIONNAIRE: _WHISKERS,
    Protocol.PREFERENCE: "Dots: shares; whiskers: 95% intervals. Dashed: no preference.",
}
_FOOLING_CAPTION = f"{_WHISKERS} Dashed: 50%, where generated pictures cannot be told from true ones."


def results_section(summary: Summary) -> Section:
    """Return the rates of all systems, with every form of error, with and without what was left out."""
    protocol, rates = summary.design.protocol, summary.rates[MAIN]
    chart = charts.intervals(
        [(name, 100 * rate.value, *percents(rate.interval)) for name, rate in rates.items()],
        xlabel=f"{RATE[protocol]}, %",
        reference=None if protocol is Protocol.QUESTIONNAIRE else 50.0,
    )
    alt = f"{RATE[protocol]}: " + "; ".join(f"{name} {share(rate)}" for name, rate in rates.items())
    preferences = summary.preferences
    parts: list[Part] = [
        *_incomplete(summary),
        Figure(chart, alt, _CHART_CAPTION.get(protocol, _FOOLING_CAPTION)),
        _pairs_table(preferences) if preferences else _rates_table(list(rates.values()), RATE[protocol]),
        *_ways_to_count(summary),
    ]
    if preferences:
        if preferences.strengths:
            parts.append(_strengths(preferences))
        return Section("Results", parts, "Which of two systems' pictures of a photo people prefer.")
    if protocol is not Protocol.QUESTIONNAIRE:
        parts.append(_published_rates())
    return Section("Results", parts, f"How often pictures were {SUCCESS[protocol]}.")


def _rates_table(rates: Sequence[Rate], what: str) -> Table:
    return Table.of(
        rates,
        {
            "system": lambda rate: rate.name,
            what: lambda rate: percent(rate.value),
            "95%, new pictures and raters": lambda rate: bounds(rate.interval),
            "95% bootstrap over pictures": lambda rate: bounds(rate.over_pictures),
            "binomial 95% (as CIC prints)": lambda rate: f"±{100 * (rate.binomial.high - rate.value):.1f}",
            "one standard error (as PixColor prints)": lambda rate: f"±{100 * rate.standard_error:.2f}",
            "design effect": lambda rate: number(rate.design_effect),
            "votes": lambda rate: str(rate.votes),
            "pictures": lambda rate: str(rate.pictures),
            "raters": lambda rate: str(rate.raters),
        },
        "Read the first interval: it holds for other photos and other people of the same kind. The second"
        " holds for other photos judged by the same people. The two printed forms are for comparison with the"
        " papers; they are smaller, since one treats all votes as independent and the other is one standard"
        " error.",
    )


def _ways_to_count(summary: Summary) -> Iterator[Part]:
    """Yield the rates with and without what was left out, if anything was."""
    out = bool(summary.slipped_out), bool(summary.inattentive_out)
    names = [
        name
        for name, ways in SELECTIONS.items()
        if all(there or not wanted for there, wanted in zip(out, ways, strict=True))
    ]
    if names == [MAIN]:
        yield Text("Nothing was left out, neither for timing nor for failed attention checks.")
        return
    rows = [
        [system, *(share(rate) if (rate := summary.rates[way].get(system)) else "–" for way in names)]
        for system in summary.rates[MAIN]
    ]
    caption = (
        f"With and without what was left out: {plural(summary.slipped_out, 'judgment')} on pictures that were"
        f" not shown as designed, and {plural(summary.inattentive_out, 'rater')} who failed the attention"
        " checks. If the columns tell different stories, say so."
    )
    yield Table(["", "what counts", *names[1:]], rows, caption)


def _published_rates() -> Table:
    rows = [("CIC", printed, "95% interval", 1.0) for printed in published.CIC_TABLE_1]
    rows += [("PixColor", printed, "one standard error", 1.96) for printed in published.PIXCOLOR_FIGURE_6]
    return Table(
        ["paper and system", "printed", "their ± is", "as 95% interval"],
        [
            [
                f"{paper}: {printed.name}",
                f"{printed.rate:.1f}% ±{printed.error:g}",
                form,
                f"[{printed.rate - times * printed.error:.1f}, {printed.rate + times * printed.error:.1f}]",
            ]
            for paper, printed, form, times in rows
        ],
        "**Published, for orientation only.** Other photos, other people, other instructions: CIC asked for"
        " the generated picture after ten practice trials, PixColor for the true one. Only systems judged in"
        " the same study can be compared. CIC: Zhang et al. (2016), table 1; PixColor: Guadarrama et al."
        " (2017), figure 6.",
    )


def _pairs_table(preferences: Preferences) -> Table:
    return Table.of(
        preferences.pairs,
        {
            "pair": lambda pair: f"{pair.system} over {pair.rival}",
            "share of votes": lambda pair: percent(pair.share.value),
            "95%": lambda pair: bounds(pair.share.interval),
            "p": lambda pair: p_value(pair.p),
            "p, Holm": lambda pair: p_value(pair.p_holm),
            "p, binomial": lambda pair: p_value(pair.binomial_p),
            "votes": lambda pair: str(pair.share.votes),
            "pictures": lambda pair: str(pair.share.pictures),
            "raters": lambda pair: str(pair.share.raters),
        },
        "p: sign-flip permutation test over photos; Holm: corrected for all pairs. The binomial test treats"
        " all votes as independent and is for comparison.",
    )


def _strengths(preferences: Preferences) -> Figure:
    strengths = preferences.strengths.items()
    rows = [(name, each.value, each.interval.low, each.interval.high) for name, each in strengths]
    return Figure(
        charts.intervals(rows, xlabel="log strength", reference=0.0),
        "Strengths: " + "; ".join(f"{name} {value:.2f}" for name, value, _, _ in rows),
        "Bradley-Terry strengths, best first, with 95% bootstrap intervals over photos: a system one unit"
        " stronger than another is preferred to it in 73% of votes.",
    )


def _incomplete(summary: Summary) -> Iterator[Note]:
    status = summary.status
    if not status.done:
        yield Note(
            f"The study is not complete: phase {status.phase} of {status.phases} still lacks"
            f" {plural(status.missing, 'vote')}. Figures will change. Stopping early because results look"
            " good inflates false positives; fix the stopping rule in advance.",
            "warning",
        )


def differences_section(summary: Summary) -> Section | None:
    """Return the systems against each other and against 50%; None if there is nothing to compare."""
    parts: list[Part] = []
    if summary.comparisons:
        rows = [
            (f"{c.system} minus {c.rival}", 100 * c.difference, *percents(c.interval))
            for c in summary.comparisons
        ]
        chart = charts.intervals(rows, xlabel="difference, percentage points", reference=0.0)
        alt = "; ".join(f"{name} {value:+.1f}" for name, value, _, _ in rows)
        parts += [
            Figure(chart, f"Differences: {alt}", "95% intervals; dashed: no difference."),
            _comparison_table(summary.comparisons, "Differences on the photos that both systems have."),
        ]
    if summary.halves:
        parts.append(_comparison_table(summary.halves, "Each system against the 50% of true photos."))
    lead = (
        "Tests flip signs photo by photo; p by Holm's method is corrected for all comparisons in its table."
        " The intervals are for new pictures and new raters and may include 0 where p is small: p concerns"
        " new pictures only."
    )
    return Section("Differences", parts, lead) if parts else None


def _comparison_table(comparisons: Sequence[Comparison], caption: str) -> Table:
    return Table.of(
        comparisons,
        {
            "system": lambda c: c.system,
            "against": lambda c: c.rival,
            "difference": lambda c: points(c.difference),
            "95%": lambda c: bounds(c.interval, "+"),
            "95%, same raters": lambda c: bounds(c.over_pictures, "+"),
            "p": lambda c: p_value(c.p),
            "p, Holm": lambda c: f"**{p_value(c.p_holm)}**" if c.p_holm < 0.05 else p_value(c.p_holm),
            "photos": lambda c: str(c.pictures),
        },
        f"{caption} In percentage points; bold: below .05 after correction.",
        numeric_from=2,
    )


def oracles_section(summary: Summary) -> Section | None:
    """Return samples and the best of them; None if no system has samples."""
    if not summary.oracles:
        return None

    def gain(each: Comparison | None) -> str:
        return f"{points(each.difference)} {bounds(each.interval, '+')}" if each else "–"

    table = Table.of(
        summary.oracles.values(),
        {
            "system": lambda oracle: oracle.name,
            "samples, each": lambda oracle: ", ".join(percent(r.value) for r in oracle.samples.values()),
            "all samples": lambda oracle: share(oracle.all_samples),
            "best-liked, by the votes that chose it": lambda oracle: percent(oracle.best_in_phase_1),
            "best-liked, by other raters": lambda o: share(o.rate) if o.rate else "not yet judged",
            "gain over all samples": lambda oracle: gain(oracle.gain),
            "p": lambda oracle: p_value(oracle.gain.p) if oracle.gain else "–",
        },
        "PixColor's oracle: the sample of each photo that phase 1 liked best, judged by other raters in phase"
        " 2. The rate by the votes that chose it is too high, because the luckiest was chosen; it is given to"
        " show by how much. PixColor printed 38.3% ±0.98 (one standard error) against 33.9% for single"
        " samples.",
    )
    return Section("Best of several samples", [table])


def questionnaire_section(summary: Summary) -> Section | None:
    """Return true photos against generated ones; None for other protocols."""
    results = summary.questionnaire
    if results is None:
        return None
    table = Table.of(
        results.ranks.items(),
        {
            "version": lambda item: item[0],
            "not marked as poor": lambda item: share(results.rates[item[0]]),
            "average rank": lambda item: number(item[1].average.value, item[1].average.interval),
            "more credible versions": lambda item: percent(item[1].more_credible),
        },
        "Rank 1 is the most credible picture of its photo; ties share their mean rank. Cao et al. print 2.5"
        " of 5 for the true photos, so that 37.5% of the others were more credible.",
    )
    truth, generated = results.rates.get(TRUTH), results.rates.get(GENERATED)
    words = []
    if truth and generated:
        words.append(f"True photos {share(truth)}, generated ones {share(generated)} not marked as poor.")
    if results.welch:
        words.append(
            f"Welch's t over the pictures' percentages: t = {results.welch.t:.2f},"
            f" {results.welch.degrees:.1f} degrees of freedom, {p_is(results.welch.p)}. This is the paper's"
            " test, and the one to report first."
        )
    if results.difference and results.difference_bootstrap:
        words.append(
            f"True minus generated: {points(results.difference.value)} percentage points"
            f" {bounds(results.difference.interval, '+')}, and by the bootstrap over photos and raters"
            f" together {bounds(results.difference_bootstrap, '+')}."
        )
    note = Note(
        f"**Published, for orientation only**: Cao et al. (2017) print {published.CAO_TRUE:g}% for true and"
        f" {published.CAO_GENERATED:g}% for generated pictures, p = {published.CAO_P:g}, from 80 people and"
        " 20 questions. That p is over pictures: over their 8,000 judgments the same gap would be far from"
        " chance. A difference that is not significant does not show that there is none; read the interval."
    )
    return Section("True against generated", [Text("\n\n".join(words)), table, note])
