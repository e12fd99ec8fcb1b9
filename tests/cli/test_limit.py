"""`--max-megapixels`: the way past the limit that its error names."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.cli.photos import is_colored, put

LARGE = np.tile(np.arange(250, dtype=np.uint8)[None, :, None], (1000, 5, 1))  # 1.25 megapixels


def test_the_error_names_an_option_that_helps(colorize) -> None:
    put("a.png", LARGE)
    result = colorize("a.png", "--max-megapixels", 1)
    assert result.exit_code == 1 and "1.25 megapixels, more than the limit of 1." in result.stderr
    [advice] = re.findall(r"--max-megapixels \d+", result.stderr)
    assert colorize("a.png", *advice.split()).exit_code == 0 and is_colored("a.colorized.png")


def test_it_holds_for_everything_that_is_read(colorize) -> None:
    put("small.png")
    content = put("a.png", LARGE).read_bytes()
    result = colorize("small.png", "--reference", "a.png", "--max-megapixels", 1)
    assert result.exit_code and "a.png has 1250 x 1000" in " ".join(result.stderr.replace(":", "").split())
    assert "more than the limit" in colorize("-", "--max-megapixels", 1, given=content).stderr


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf", "9" * 5000])
def test_a_limit_that_is_none(colorize, value: str) -> None:
    put("a.png")
    assert colorize("a.png", f"--max-megapixels={value}").exit_code == 2
