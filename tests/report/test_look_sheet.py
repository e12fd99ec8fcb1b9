"""A photo in many versions on one page."""

from __future__ import annotations

import numpy as np
import pytest

from autochrome.report.look_sheet import Label, _drawn, look_sheet

GRAY = np.full((60, 100, 1), 128, np.uint8)
RED, BLUE = (np.full((60, 100, 3), color, np.uint8) for color in ([200, 0, 0], [0, 0, 200]))
HEADING = Label("photo.jpg", text=("Add the options to `autochrome colorize photo.jpg`.",))


def places(page: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of what has that color."""
    rows, columns = np.nonzero((page == color).all(2))
    return rows.min(), columns.min(), rows.max() - rows.min() + 1, columns.max() - columns.min() + 1


def test_every_picture_is_there_whole() -> None:
    page = look_sheet(GRAY, HEADING, [[(RED, Label("red", "--red"))], [(BLUE, Label("blue", "--blue"))]])
    assert page.dtype == np.uint8
    red, blue = (places(page, color) for color in ((200, 0, 0), (0, 0, 200)))
    assert red[2:] == blue[2:] == (60, 100)
    assert red[1] == blue[1]
    gray = page[red[1] : red[1] + 60, red[1] : red[1] + 100]  # the margin is the same on all sides
    assert (gray == 128).all()
    assert red[1] + 60 < red[0] < blue[0]


def test_versions_of_a_row_stand_side_by_side() -> None:
    page = look_sheet(GRAY, HEADING, [[(RED, Label("red")), (BLUE, Label("blue"))]])
    red, blue = (places(page, color) for color in ((200, 0, 0), (0, 0, 200)))
    assert red[0] == blue[0]
    assert red[1] + 100 < blue[1]


def test_pictures_are_shrunk_and_never_enlarged() -> None:
    wide = np.zeros((100, 1000, 3), np.uint8)
    wide[:] = (200, 0, 0)
    page = look_sheet(GRAY, HEADING, [[(wide, Label("red")), (BLUE, Label("blue"))]])
    assert places(page, (200, 0, 0))[2:] == (40, 400)
    assert places(page, (0, 0, 200))[2:] == (60, 100)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("length", [10, 120])
def test_labels_are_not_cut(count: int, length: int) -> None:
    """The margin stays white, however long a command or the photo's name is, and however small the photo."""
    label = Label("W" * length, "--" + "w" * length)
    heading = Label("A" * length + ".jpg", text=("`" + "W" * 2 * length + "`", "word " * length))
    page = look_sheet(GRAY[:9, :9], heading, [[(RED[:9, :9], label)] * count])
    ink = (page != 255).any(2)
    for margin in (ink[:20], ink[-20:], ink[:, :20], ink[:, -20:]):
        assert not margin.any()
    assert ink.any()


def test_labels_say_what_was_given() -> None:
    """Two pages that differ in one letter of a label differ below the picture."""
    pages = [look_sheet(GRAY, HEADING, [[(RED, Label("red", command))]]) for command in ("--aa", "--ab")]
    assert pages[0].shape == pages[1].shape
    rows = np.nonzero((pages[0] != pages[1]).any((1, 2)))[0]
    top, _, height, _ = places(pages[0], (200, 0, 0))
    assert rows.min() > top + height


def test_letters_that_mean_something_in_markup() -> None:
    label = Label("<b> & >", "--hint <x>", text=("a `<tt>` & b", "one ` alone"))
    assert label.markup.startswith("<b>&lt;b&gt; &amp; &gt;</b>\n<tt>--hint &lt;x&gt;</tt>\n")
    assert "<tt>&lt;tt&gt;</tt> &amp; b" in label.markup
    assert look_sheet(GRAY, label, [[(RED, label)]]).std() > 0


@pytest.mark.parametrize("rows", [[], [[]]])
def test_nothing_to_show_is_an_error(rows: list) -> None:
    with pytest.raises(ValueError, match="a row of one picture or more"):
        look_sheet(GRAY, HEADING, rows)


def test_no_line_ends_within_an_option() -> None:
    """At every width the options are drawn whole: as many lines as if hyphens were letters."""
    command = "autochrome colorize p.jpg --model pixcolor --look vivid --seed 7"
    letters = command.replace("--", "mm").replace(" pixcolor", "xpixcolor")
    letters = letters.replace(" vivid", "xvivid").replace(" 7", "x7")
    for width in range(190, 620, 15):
        drawn = _drawn(Label("", text=(f"`{command}`",)), width)
        plain = _drawn(Label("", text=(f"`{letters}`",)), width)
        assert drawn.shape[0] == pytest.approx(plain.shape[0], abs=8), width
