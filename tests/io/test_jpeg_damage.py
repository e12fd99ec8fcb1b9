"""JPEGs cut anywhere and closed again with an end-of-image marker, as programs that recover files do."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from threading import Thread

import numpy as np
import PIL.Image
import pytest

from autochrome.errors import PhotoError
from autochrome.io import jpeg_damage
from autochrome.io.photo import read_photo

KINDS = {
    "baseline": {"subsampling": 0},
    "halved color": {"subsampling": 2},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.fixture(scope="module")
def jpeg(color) -> Callable[..., bytes]:
    def make(kind: str, array: np.ndarray = color) -> bytes:
        file = io.BytesIO()
        PIL.Image.fromarray(array).save(file, "jpeg", quality=90, **KINDS[kind])
        return file.getvalue()

    return make


def cut(content: bytes, at: int) -> bytes:
    return content[:at] + b"\xff\xd9"


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_jpeg_has_no_notes(kind, jpeg, color, gray):
    for array in (color, gray):
        assert read_photo(jpeg(kind, array)).notes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", np.linspace(0.02, 0.99, 12))
def test_a_jpeg_cut_within_its_pixels_is_noticed(kind, part, jpeg):
    content = jpeg(kind)
    start = content.index(b"\xff\xda") + 14
    short = cut(content, start + int((len(content) - 2 - start) * part))
    try:
        notes = read_photo(short).notes
    except PhotoError as error:
        assert "damaged or cut short" in error.problem
    else:  # in what stands before a scan
        assert kind == "progressive" and notes == (jpeg_damage.COARSE,)


def test_the_very_last_pixels_are_missed_too(jpeg, gray):
    content = jpeg("baseline", gray)
    with pytest.raises(PhotoError, match="damaged or cut short"):
        read_photo(cut(content, len(content) - 2 - 8))


def test_a_jpeg_cut_between_scans_is_read_with_a_note(jpeg, gray):
    content = jpeg("progressive")
    scans = [found.start() for found in re.finditer(rb"\xff[\xc4\xda]", content)]
    after_first = scans[[content[place + 1] for place in scans].index(0xDA) + 1 :]
    assert len(after_first) > 8
    for place in after_first:
        assert read_photo(cut(content, place)).notes == (jpeg_damage.COARSE,)


def test_padding_before_a_marker_is_no_damage(jpeg):
    content = jpeg("progressive")
    padded = content.replace(b"\xff\xda", b"\xff\xff\xff\xda").replace(b"\xff\xd9", b"\xff\xff\xd9")
    assert padded != content and read_photo(padded).notes == ()


def test_what_libjpeg_merely_finds_odd_is_a_note(jpeg):
    content = jpeg("baseline")
    place = content.index(b"\xff\xda")
    odd = content[:place] + b"\0\0\0" + content[place:]
    photo = read_photo(odd)
    assert photo.notes == (jpeg_damage.ODD,)
    np.testing.assert_array_equal(photo.pixels, read_photo(content).pixels)


def test_one_damaged_jpeg_does_not_accuse_another(jpeg, color):
    whole, damaged = jpeg("baseline"), cut(jpeg("halved color"), len(jpeg("halved color")) * 2 // 3)
    wrong: list[object] = []

    def read(content: bytes, ok: bool) -> None:
        for _ in range(30):
            try:
                good = read_photo(content).notes == ()
            except PhotoError:
                good = False
            if good != ok:
                wrong.append(content)

    threads = [Thread(target=read, args=pair) for pair in ((whole, True), (damaged, False)) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_segments_that_make_no_sense_are_left_to_libjpeg(jpeg):
    content = jpeg("progressive")
    frame = content.index(b"\xff\xc2")
    for broken in (
        content[: frame + 6],
        content[:frame],
        b"\xff\xd8",
        b"",
        content[:frame] + b"\xff\xda\0\3\1",
    ):
        assert not jpeg_damage.lacks_scans(io.BytesIO(broken))
