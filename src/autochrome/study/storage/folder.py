"""A study's folder: the design, and ``study.json``, which records what was built from it.

``study.json`` holds the secret and says which pictures are true: it is readable by its owner only, and never
served.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autochrome.errors import StudyError
from autochrome.io.documents import MOST_RECORD_BYTES, parse_json, read_text
from autochrome.io.whole_file import write_json
from autochrome.study.design import BUILT, EDITABLE, SCHEMA, Design

DESIGN_FILE = "design.yaml"
STUDY_FILE = "study.json"
DATABASE_FILE = "study.sqlite"
PICTURES = "pictures"


@dataclass(frozen=True)
class Prepared:
    """A picture that was prepared for raters.

    Attributes:
        picture: name of the photo.
        version: `TRUTH`, `RANDOM`, or a system (or a sample of one).
        file: its random name in ``pictures/``.
        source: name of the file it was made from (`RANDOM`: of the true photo).
        sha256, shown_sha256: of the source, and of the picture's own file.
        colors_of: the photo whose colors it has (`RANDOM`), else empty.
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
    """The contents of ``study.json``.

    Attributes:
        secret: hexadecimal; picture links and completion codes are derived from it.
        design: `Design.to_dict`, as of the last time the study was opened before it had raters.
        notes: warnings for the person who built the study.
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
            StudyError: the folder is not a study, or it is one from another release.
        """
        path = folder / STUDY_FILE
        try:
            content = parse_json(read_text(path, MOST_RECORD_BYTES))
            schema = content.pop("schema")
            if schema != SCHEMA:
                raise StudyError(
                    f"{folder} is a study in format {schema!r}, but this release of Autochrome reads"
                    f" {SCHEMA!r}; use the release that built the study"
                )
            content["pictures"] = [Prepared(**each) for each in content["pictures"]]
            return cls(**content)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StudyError(
                f"{folder} is not a study (it has no {STUDY_FILE}); build one with `autochrome study new`"
            ) from error
        except OSError as error:
            raise StudyError(
                f"{path} cannot be read ({error.strerror}); run as the user who built the study"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(f"{path} is damaged ({error}); restore it from a copy of the study") from error

    def write(self, folder: Path) -> None:
        """Write ``study.json``, readable only by its owner, replacing an existing one as a whole."""
        write_json({"schema": SCHEMA, **asdict(self)}, folder / STUDY_FILE, mode=0o600)

    def changed_keys(self, design: Design) -> list[str]:
        """Return the keys that differ from the study's design, except those that may be edited."""
        now = design.to_dict()
        return [key for key in now if key not in EDITABLE and now[key] != self.design.get(key)]

    def check(self, folder: Path, design: Design, *, begun: bool) -> None:
        """Refuse the current design if it no longer fits the study, which raters may have ``begun``.

        Raises:
            StudyError: names the keys to restore.
        """
        changed = [key for key in self.changed_keys(design) if begun or key in BUILT]
        if changed:
            old = ((key, json.dumps(self.design.get(key), ensure_ascii=False)) for key in changed)
            why = "after raters had begun" if begun else "in keys that determine the pictures"
            raise StudyError(
                f"{folder / DESIGN_FILE} was edited {why}. Restore it"
                f" ({'; '.join(f'{key} was {value}' for key, value in old)}), or build a new study with"
                " `autochrome study new`"
            )

    def check_pictures(self, folder: Path) -> None:
        """Raise `StudyError` if pictures are missing, as in an incomplete copy of the folder."""
        place = folder / PICTURES
        present = set(os.listdir(place)) if place.is_dir() else set()
        missing = [each.file for each in self.pictures if each.file not in present]
        if missing:
            raise StudyError(
                f"{place} lacks {len(missing)} of {len(self.pictures)} pictures; copy the whole folder"
            )
