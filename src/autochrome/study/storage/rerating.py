"""PixColor's oracle: the best-liked of several samples, judged again by other raters (section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from autochrome.study.design import ORACLE, Design
from autochrome.study.records import TRUTH, Answer, Stage, Unit, judgments
from autochrome.study.storage import statements as sql
from autochrome.study.storage.assignment import keyed
from autochrome.study.storage.ledger import unit_rows


def best_liked(
    design: Design, pictures: Sequence[str], answers: Sequence[Answer]
) -> dict[tuple[str, str], str]:
    """For each system with samples and each photo, the sample that the largest share took for the true photo.

    Args:
        design: names the systems' samples; its seed decides ties.
        pictures: names of the photos.
        answers: to the test trials of the first phase.

    Returns:
        (system, picture) -> the sample's version.
    """
    asked: Counter[tuple[str, str]] = Counter()
    liked: Counter[tuple[str, str]] = Counter()
    for verdict in judgments(design.protocol, answers):
        asked[verdict.system, verdict.picture] += 1
        liked[verdict.system, verdict.picture] += verdict.success
    best = {}
    for system, samples in design.samples().items():
        for picture in pictures:
            share = {name: liked[name, picture] / max(asked[name, picture], 1) for name in samples}
            equals = [name for name in samples if share[name] == max(share.values())]
            best[system, picture] = keyed(design.seed, ORACLE, system, picture).choice(equals)
    return best


def begin_second_phase(
    connection: Connection, study: str, design: Design, first: Sequence[Unit], answers: Sequence[Answer]
) -> None:
    """Add the units of the second phase, and let whoever enrols from now on judge those.

    Practice and vigilance go on as in the first.

    Args:
        connection: in a transaction that alone may write.
        study: its id.
        design: of the study.
        first: the units of the first phase.
        answers: to its test trials.
    """
    pictures = sorted({unit.picture for unit in first if unit.stage is Stage.TEST})
    best = best_liked(design, pictures, answers)
    again = [Unit(0, 2, Stage.TEST, picture, (TRUTH, f"{system}.{ORACLE}")) for system, picture in best]
    sources = [(TRUTH, sample) for sample in best.values()]
    others = [unit for unit in first if unit.stage is not Stage.TEST]
    free = 1 + max(unit.id for unit in first)
    laid_out = [replace(unit, id=free + i, phase=2) for i, unit in enumerate([*again, *others])]
    rows = unit_rows(study, laid_out, [*sources, *(unit.versions for unit in others)])
    connection.execute(sql.ADD_UNITS, rows)
    connection.execute(sql.SET_PHASE, {"study_id": study, "new_phase": 2})
