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
    p_is,
    p_value,
    percent,
    percents,
    plural,
    points,
    share,
)
from autochrome.study.statistics.comparisons import Comparison
from autochrome.study.statistics.oracle import Oracle
from autochrome.study.statistics.published import (
    CAO_GENERATED,
    CAO_P,
    CAO_TRUE,
    CIC_TABLE_1,
    PIXCOLOR_FIGURE_6,
    Printed,
)
from autochrome.study.statistics.questionnaire import GENERATED
from autochrome.study.statistics.selection import MAIN, SELECTIONS


def results_section(summary: Summary) -> Section:
    """Return the rates of all systems, with every form of error, with and without what was left out."""
    if summary.preferences:
        return _preferences(summary)
    protocol = summary.design.protocol
    rates = summary.rates[MAIN]
    fooling = protocol is not Protocol.QUESTIONNAIRE
    rows = [(rate.name, 100 * rate.value, *percents(rate.interval)) for rate in rates.values()]
    chart = charts.intervals(rows, xlabel=f"{RATE[protocol]}, %", reference=50.0 if fooling else None)
    words = "; ".join(f"{rate.name} {share(rate)}" for rate in rates.values())
    caption = "Dots: rates; whiskers: 95% intervals for new pictures and new raters."
    if fooling:
        caption += " Dashed: 50%, where generated pictures cannot be told from true ones."
    parts: list[Part] = [
        *_incomplete(summary),
        Figure(chart, f"{RATE[protocol]}: {words}", caption),
        _rates_table(summary),
        *_ways_to_count(summary),
    ]
    if fooling:
        parts.append(_published_rates())
    lead = f"How often pictures were {SUCCESS[protocol]}."
    return Section("Results", parts, lead)


def _rates_table(summary: Summary) -> Table:
    head = [
        "system",
        RATE[summary.design.protocol],
        "95%, new pictures and raters",
        "95% bootstrap over pictures",
        "binomial 95% (as CIC prints)",
        "one standard error (as PixColor prints)",
        "design effect",
        "votes",
        "pictures",
        "raters",
    ]
    rows = [
        [
            rate.name,
            percent(rate.value),
            bounds(rate.interval),
            bounds(rate.over_pictures),
            f"±{100 * (rate.binomial.high - rate.value):.1f}",
            f"±{100 * rate.standard_error:.2f}",
            "–" if rate.design_effect is None else f"{rate.design_effect:.2f}",
            *(str(count) for count in (rate.votes, rate.pictures, rate.raters)),
        ]
        for rate in summary.rates[MAIN].values()
    ]
    caption = (
        "Read the first interval: it holds for other photos and other people of the same kind. The second"
        " holds for other photos judged by the same people. The two printed forms are for comparison with the"
        " papers; they are smaller, since one treats all votes as independent and the other is one standard"
        " error."
    )
    return Table(head, rows, caption)


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
    def row(paper: str, printed: Printed, standard_errors: bool) -> list[str]:
        half = printed.error * (1.96 if standard_errors else 1)
        form = "one standard error" if standard_errors else "95% interval"
        return [
            f"{paper}: {printed.name}",
            f"{printed.rate:.1f}% ±{printed.error:g}",
            form,
            f"[{printed.rate - half:.1f}, {printed.rate + half:.1f}]",
        ]

    rows = [row("CIC", printed, False) for printed in CIC_TABLE_1]
    rows += [row("PixColor", printed, True) for printed in PIXCOLOR_FIGURE_6]
    caption = (
        "**Published, for orientation only.** Other photos, other people, other instructions: CIC asked for"
        " the generated picture after ten practice trials, PixColor for the true one. Only systems judged in"
        " the same study can be compared. CIC: Zhang et al. (2016), table 1; PixColor: Guadarrama et al."
        " (2017), figure 6."
    )
    return Table(["paper and system", "printed", "their ± is", "as 95% interval"], rows, caption)


def _preferences(summary: Summary) -> Section:
    results = summary.preferences
    assert results is not None
    labels = [f"{pair.system} over {pair.rival}" for pair in results.pairs]
    shares = [pair.share for pair in results.pairs]
    rows = [
        (label, 100 * rate.value, *percents(rate.interval))
        for label, rate in zip(labels, shares, strict=True)
    ]
    chart = charts.intervals(rows, xlabel="share of votes, %", reference=50.0)
    words = "; ".join(f"{label} {share(rate)}" for label, rate in zip(labels, shares, strict=True))
    table = Table(
        ["pair", "share of votes", "95%", "p", "p, Holm", "p, binomial", "votes", "pictures", "raters"],
        [
            [
                label,
                percent(pair.share.value),
                bounds(pair.share.interval),
                p_value(pair.p),
                p_value(pair.p_holm),
                p_value(pair.binomial_p),
                *(str(n) for n in (pair.share.votes, pair.share.pictures, pair.share.raters)),
            ]
            for label, pair in zip(labels, results.pairs, strict=True)
        ],
        "p: sign-flip permutation test over photos; Holm: corrected for all pairs. The binomial test treats"
        " all votes as independent and is for comparison.",
    )
    caption = "Dots: shares; whiskers: 95% intervals. Dashed: no preference."
    parts: list[Part] = [
        *_incomplete(summary),
        Figure(chart, f"Preference: {words}", caption),
        table,
        *_ways_to_count(summary),
    ]
    if results.strengths:
        scale = [(name, e.value, e.interval.low, e.interval.high) for name, e in results.strengths.items()]
        caption = (
            "Bradley-Terry strengths, best first, with 95% bootstrap intervals over photos: a system one unit"
            " stronger than another is preferred to it in 73% of votes."
        )
        alt = "Strengths: " + "; ".join(f"{name} {value:.2f}" for name, value, _, _ in scale)
        parts.append(Figure(charts.intervals(scale, xlabel="log strength", reference=0.0), alt, caption))
    return Section("Results", parts, "Which of two systems' pictures of a photo people prefer.")


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
    if not summary.comparisons and not summary.halves:
        return None
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
    return Section("Differences", parts, lead)


def _comparison_table(comparisons: Sequence[Comparison], caption: str) -> Table:
    head = ["system", "against", "difference", "95%", "95%, same raters", "p", "p, Holm", "photos"]
    rows = [
        [
            c.system,
            c.rival,
            points(c.difference),
            bounds(c.interval, "+"),
            bounds(c.over_pictures, "+"),
            p_value(c.p),
            f"**{p_value(c.p_holm)}**" if c.p_holm < 0.05 else p_value(c.p_holm),
            str(c.pictures),
        ]
        for c in comparisons
    ]
    return Table(head, rows, f"{caption} In percentage points; bold: below .05 after correction.", 2)


def oracles_section(summary: Summary) -> Section | None:
    """Return samples and the best of them; None if no system has samples."""
    if not summary.oracles:
        return None
    head = [
        "system",
        "samples, each",
        "all samples",
        "best-liked, by the votes that chose it",
        "best-liked, by other raters",
        "gain over all samples",
        "p",
    ]
    rows = [_oracle_row(oracle) for oracle in summary.oracles.values()]
    caption = (
        "PixColor's oracle: the sample of each photo that phase 1 liked best, judged by other raters in phase"
        " 2. The rate by the votes that chose it is too high, because the luckiest was chosen; it is given to"
        " show by how much. PixColor printed 38.3% ±0.98 (one standard error) against 33.9% for single"
        " samples."
    )
    return Section("Best of several samples", [Table(head, rows, caption)])


def _oracle_row(oracle: Oracle) -> list[str]:
    samples = ", ".join(percent(rate.value) for rate in oracle.samples.values())
    gain = oracle.gain
    return [
        oracle.name,
        samples,
        share(oracle.all_samples),
        percent(oracle.best_in_phase_1),
        share(oracle.rate) if oracle.rate else "not yet judged",
        f"{points(gain.difference)} {bounds(gain.interval, '+')}" if gain else "–",
        p_value(gain.p) if gain else "–",
    ]


def questionnaire_section(summary: Summary) -> Section | None:
    """Return true photos against generated ones; None for other protocols."""
    results = summary.questionnaire
    if results is None:
        return None
    rows = []
    for name, rank in results.ranks.items():
        average, interval = rank.average.value, rank.average.interval
        ranks = f"{average:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
        rows.append([name, share(results.rates[name]), ranks, percent(rank.more_credible)])
    table = Table(
        ["version", "not marked as poor", "average rank", "more credible versions"],
        rows,
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
    published = Note(
        f"**Published, for orientation only**: Cao et al. (2017) print {CAO_TRUE:g}% for true and"
        f" {CAO_GENERATED:g}% for generated pictures, p = {CAO_P:g}, from 80 people and 20 questions. That p"
        " is over pictures: over their 8,000 judgments the same gap would be far from chance. A difference"
        " that is not significant does not show that there is none; read the interval."
    )
    return Section("True against generated", [Text("\n\n".join(words)), table, published])
