"""Documents as Markdown keep headings, texts and tables."""

from __future__ import annotations

from autochrome.report.html import Document, Figure, Gallery, Note, Section, Table, Text

CHART = Figure("<svg/>", "Rates of both systems.", "Fooling rates")
DOCUMENT = Document(
    "Results",
    [
        Section(
            "Scores",
            [
                Table(["system", "PSNR"], [["a|b", "22.1 [22.0, 22.2]"]], "With `native` size."),
                Note("Mind *this*.\n\nAnd that.", "warning"),
            ],
            "Look.",
        ),
        Section("Charts", [CHART, Gallery([("one", [CHART])], ["gray"], "A sheet")]),
        Section("Words", [Text("**Bold** and a_b _c_ <d> [e](f).")]),
    ],
    facts={"photos": "400"},
)


def test_headings_texts_and_tables() -> None:
    assert DOCUMENT.markdown() == (
        "# Results\n\n|  |  |\n| --- | --- |\n| photos | 400 |\n\n"
        "## Scores\n\nLook.\n\nWith `native` size.\n\n"
        "| system | PSNR |\n| --- | ---: |\n| a\\|b | 22.1 [22.0, 22.2] |\n\n"
        "> [!WARNING]\n> Mind \\*this\\*.\n>\n> And that.\n\n"
        "## Words\n\n**Bold** and a_b \\_c\\_ \\<d> [e]\\(f).\n"
    )
