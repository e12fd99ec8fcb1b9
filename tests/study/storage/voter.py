"""A process of raters that vote: ``python -m tests.study.storage.voter FOLDER DATABASE RATERS``.

Writes the id of every trial whose vote was acknowledged, a line each; DATABASE is empty for the folder's own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from autochrome.errors import StudyFull
from autochrome.study.storage.store import Study
from tests.study.raters import enrolled, first_slot


def main() -> None:
    folder, database, raters = sys.argv[1:]
    with Study.open(Path(folder), database or None) as study:
        for _ in range(int(raters)):
            try:
                rater = enrolled(study)
            except StudyFull:
                break
            while (trial := study.next_trial(rater)) is not None:
                study.record(rater, trial.id, first_slot(trial))
                print(trial.id, flush=True)


if __name__ == "__main__":
    main()
