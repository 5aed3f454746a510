"""How far judges agree with people, in the words of the command line and the console."""

from __future__ import annotations

from registry.api.docs.review_shapes import EXAMPLES
from registry.wording import agreement

(FOUND,) = EXAMPLES["Agreements"]["data"]
FEW = {
    **FOUND,
    **dict.fromkeys(("worth", "agrees", "passes_bad", "fails_good", "says_good", "kappa", "rubric")),
    "labels": 12,
    "needs": 38,
    "twice": {"pairs": 0, "differ": 0, "rate": None, "interval": None},
}


def test_a_judge_beside_people() -> None:
    """Rates with their intervals, and how often it contradicts itself."""
    assert dict(zip(agreement.COLUMNS, agreement.row(FOUND), strict=True)) == {
        "judge": "openai/gpt-5.4",
        "score": "helpful",
        "rubric": "sha256:9b3c46d8c0b9",
        "labels": "84",
        "agrees": "91% (76% to 97%)",
        "passes bad": "20% (8% to 42%)",
        "fails good": "3% (1% to 14%)",
        "says good": "94% (80% to 98%)",
        "kappa": "0.71",
        "contradicts itself": "on 2 of 61",
    }


def test_below_fifty_labels_nothing_is_said() -> None:
    """But how many are missing."""
    row = dict(zip(agreement.COLUMNS, agreement.row(FEW), strict=True))

    assert row["labels"] == "12, 38 more needed"
    assert {row[name] for name in ("agrees", "passes bad", "kappa", "rubric", "contradicts itself")} == {"-"}
