"""Contact sheets have the right size and the right pixels in the right places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips

from autochrome.report.contact_sheet import Layout, contact_sheets, fit, gallery, write_sheets

LAYOUT = Layout(cell_width=40, cell_height=30, gap=4, label_height=16, rows_per_page=3)


def flat(color: tuple[int, int, int], height: int = 30, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


RED, GREEN, BLUE = (200, 10, 20), (10, 180, 30), (20, 30, 220)


def test_size_and_places() -> None:
    (page,) = contact_sheets(
        {"red": [flat(RED)] * 2, "green": [flat(GREEN)] * 2}, ["one", "two"], layout=LAYOUT
    )
    # Width: 2 cells and 3 gaps. Height: names, a gap, and twice cell + caption + gap.
    assert page.shape == (16 + 4 + 2 * (30 + 16 + 4), 4 + 2 * (40 + 4), 3)
    for top in (20, 70):
        assert (page[top : top + 30, 4:44] == RED).all()
        assert (page[top : top + 30, 48:88] == GREEN).all()
        assert (page[top : top + 30, 44:48] == 255).all()


def test_names_and_captions_are_drawn_where_they_belong() -> None:
    (page,) = contact_sheets({"red": [flat(RED)], "": [flat(GREEN)]}, ["a caption"], layout=LAYOUT)
    assert page[:16, 4:44].min() < 100, "the name of the first column"
    assert (page[:16, 44:] == 255).all(), "the second column has none"
    assert page[50:66, 4:].min() < 100, "the caption"
    (bare,) = contact_sheets({"": [flat(RED)]}, layout=LAYOUT)
    assert bare.shape == (16 + 4 + 30 + 4, 48, 3)
    assert (bare[:20] == 255).all()


def test_labels_with_markup_and_too_long_are_no_problem() -> None:
    name = "<b>R&D</b> " * 20
    (page,) = contact_sheets({name: [flat(RED)], "": [flat(GREEN)]}, layout=LAYOUT)
    assert (page[:16, 48:] == 255).all()


def test_pictures_are_shrunk_but_not_enlarged_and_rows_are_as_high_as_needed() -> None:
    (page,) = contact_sheets(
        {
            "wide": [flat(RED, 40, 160)],
            "small": [flat(GREEN, 6, 8)],
            "gray": [np.full((10, 10, 1), 90, np.uint8)],
        },
        layout=LAYOUT,
    )
    assert page.shape == (16 + 4 + 10 + 4, 4 + 3 * 44, 3)
    assert (page[20:30, 4:44] == RED).all(), "4 to 1, scaled to the cell's width"
    green = (page == GREEN).all(2)
    assert green.sum() == 48
    assert green[22:28, 64:72].all(), "in the middle of its cell"
    assert (page[20:] == 90).all(2).sum() == 100


def test_rows_are_paged() -> None:
    colors = [RED, GREEN, BLUE, RED]
    pages = contact_sheets({"": [flat(c) for c in colors]}, layout=LAYOUT)
    assert [page.shape[0] for page in pages] == [20 + 3 * 34, 20 + 34]
    assert (pages[0][20 + 2 * 34 : 50 + 2 * 34, 4:44] == BLUE).all()
    assert (pages[1][20:50, 4:44] == RED).all()


@pytest.mark.parametrize("columns", [{}, {"a": []}, {"a": [flat(RED)], "b": []}])
def test_columns_must_match(columns: dict[str, list[np.ndarray]]) -> None:
    with pytest.raises(ValueError, match="columns of one length"):
        contact_sheets(columns)
    with pytest.raises(ValueError, match="columns of one length"):
        contact_sheets({"a": [flat(RED)]}, ["one", "two"])


def test_pages_are_written_whole(tmp_path: Path) -> None:
    pages = contact_sheets({"": [flat(RED)] * 4}, layout=LAYOUT)
    paths = write_sheets(pages, tmp_path / "sheet.png")
    assert [p.name for p in paths] == ["sheet.png", "sheet-2.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sheet-2.png", "sheet.png"]
    assert (pyvips.Image.new_from_file(str(paths[0])).numpy() == pages[0]).all()
    (jpeg,) = write_sheets(pages[:1], tmp_path / "sheet.jpg")
    assert pyvips.Image.new_from_file(str(jpeg)).width == pages[0].shape[1]
    with pytest.raises(ValueError, match=r"\.png"):
        write_sheets(pages, tmp_path / "sheet.bmp")


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.uint8, 1), (np.uint16, 257), (np.float32, np.float32(1 / 255))]
)
def test_cells_are_eight_bits_whatever_the_depth(dtype: type, scale: float) -> None:
    for height in (30, 300):  # as it is, and shrunk
        picture = (flat(RED, height, height).astype(dtype) * scale).astype(dtype)
        cell = fit(picture, LAYOUT)
        assert cell.dtype == np.uint8
        assert (cell == RED).all()
        assert cell.shape == (30, 30, 3)


def test_gray_cells_have_three_channels() -> None:
    assert fit(np.full((300, 300, 1), 90, np.uint8), LAYOUT).tolist() == [[[90, 90, 90]] * 30] * 30


def test_gallery_in_one_row_with_labels_below() -> None:
    page = gallery([flat(RED), flat(GREEN)], ["red", ""], layout=LAYOUT)
    assert page.shape == (4 + 30 + 16 + 4, 4 + 2 * 44, 3)
    assert (page[4:34, 4:44] == RED).all()
    assert (page[4:34, 48:88] == GREEN).all()
    assert page[34:50, 4:44].min() < 100, "the label of the first"
    assert (page[34:50, 44:] == 255).all(), "the second has none"


def test_gallery_of_many_goes_on_in_the_next_row() -> None:
    page = gallery([flat(RED)] * 6 + [flat(GREEN)], [""] * 7, layout=LAYOUT)
    assert page.shape == (4 + 3 * 50, 4 + 3 * 44, 3), "three by three"
    assert (page[104:134, 4:44] == GREEN).all()
    assert (page[104:134, 48:88] == 255).all()
    assert gallery([flat(RED)] * 5, [""] * 5, layout=LAYOUT).shape[1] == 4 + 5 * 44


@pytest.mark.parametrize(("count", "labels"), [(0, []), (2, ["one"])])
def test_gallery_needs_a_label_for_each(count: int, labels: list[str]) -> None:
    with pytest.raises(ValueError, match="a label for each picture"):
        gallery([flat(RED)] * count, labels)
