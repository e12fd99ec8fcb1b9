"""A study's folder: the design, and ``study.json``, which tells what was built from it.

``study.json`` holds the secret and which picture is the true one; it is readable to its owner alone and is
never served.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autochrome.errors import StudyError
from autochrome.io.whole_file import write_json
from autochrome.study.design import BUILT, MENDABLE, SCHEMA, Design

DESIGN_FILE = "design.yaml"
STUDY_FILE = "study.json"
DATABASE_FILE = "study.sqlite"
PICTURES = "pictures"


@dataclass(frozen=True)
class Prepared:
    """A picture that was prepared for raters.

    Attributes:
        picture: name of the photo.
        version: what it is: `TRUTH`, `RANDOM`, or a system (or a sample of it).
        file: its random name in ``pictures/``.
        source: name of the file it was made from; for `RANDOM` that of the true photo.
        sha256: of the source.
        shown_sha256: of the picture's own file.
        colors_of: the photo that gave the colors (`RANDOM`), else empty.
    """

    picture: str
    version: str
    file: str
    source: str
    sha256: str
    shown_sha256: str
    colors_of: str = ""


@dataclass(frozen=True)
class Manifest:
    """What ``study.json`` holds.

    Attributes:
        id: of the study, a UUID.
        secret: hexadecimal, from which the links to pictures and the completion codes are made.
        design: as it was when the last vote-less study was opened (`Design.to_dict`).
        pictures: every prepared picture.
        notes: what the person who built the study should know.
        own_database: whether the votes are in the folder's ``study.sqlite``.
        created_at: UTC, ISO 8601.
        versions: of the programs that prepared the pictures.
    """

    id: str
    secret: str
    design: dict[str, Any]
    pictures: list[Prepared]
    notes: list[str]
    own_database: bool
    created_at: str
    versions: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``study.json``.

        Raises:
            StudyError: the folder is no study, or one of another release.
        """
        path = folder / STUDY_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            schema = content.pop("schema")
            if schema != SCHEMA:
                raise StudyError(
                    f"{folder} is a study of the form {schema!r}, and this release reads {SCHEMA!r}; use the"
                    " release of Autochrome that made it"
                )
            content["pictures"] = [Prepared(**each) for each in content["pictures"]]
            return cls(**content)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StudyError(
                f"{folder} is no study (it has no {STUDY_FILE}); make one with `autochrome study new`"
            ) from error
        except OSError as error:
            raise StudyError(
                f"{path} cannot be read ({error.strerror}); run as the user who made the study"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(f"{path} is damaged ({error}); put it back from a copy of the study") from error

    def write(self, folder: Path) -> None:
        """Write ``study.json``, readable to its owner alone; an existing one is replaced as a whole."""
        write_json({"schema": SCHEMA, **asdict(self)}, folder / STUDY_FILE, mode=0o600)

    def changed_keys(self, design: Design) -> list[str]:
        """Keys of the design that differ from those the study was built with, but for those one may mend."""
        now = design.to_dict()
        return [key for key in now if key not in MENDABLE and now[key] != self.design.get(key)]

    def check(self, folder: Path, design: Design, *, begun: bool) -> None:
        """Refuse a design that no longer belongs to the study.

        Args:
            folder: of the study.
            design: as it is now in ``design.yaml``.
            begun: whether raters have been shown anything.

        Raises:
            StudyError: says which keys to put back.
        """
        changed = self.changed_keys(design)
        if not begun:
            changed = [key for key in changed if key in BUILT]
        if not changed:
            return
        were = "; ".join(
            f"{key} was {json.dumps(self.design.get(key), ensure_ascii=False)}" for key in changed
        )
        why = "after raters had begun" if begun else "but decides the pictures, which are made"
        raise StudyError(
            f"{folder / DESIGN_FILE} was edited {why}. Put it back ({were}), or build a new study with"
            " `autochrome study new`"
        )

    def check_pictures(self, folder: Path) -> None:
        """Refuse a folder that lacks pictures, as after an incomplete copy.

        Raises:
            StudyError: says how many are missing.
        """
        place = folder / PICTURES
        there = set(os.listdir(place)) if place.is_dir() else set()
        missing = [each.file for each in self.pictures if each.file not in there]
        if missing:
            raise StudyError(
                f"{place} lacks {len(missing)} of {len(self.pictures)} pictures; copy the study's folder as a"
                " whole"
            )
