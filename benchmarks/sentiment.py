"""The headlines' sentiment against labels that people gave, beside VADER as it comes.

The lexicon was chosen by looking at the `tune` part of the crypto headlines alone: two of three, by the SHA-256 of the
text. `held` is the third part, on which nothing was chosen; it is what counts. The financial phrases were not looked at
either.

Run: `python benchmarks/sentiment.py [DATA]`, DATA a folder with cryptolin_dev30.csv.gz and, where there is one,
financial_phrasebank_dev20.csv.gz somewhere below (default `$QUORUM_DATA`). Prints one JSON line per set; without the
data one that says so.
"""

import csv
import gzip
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from adapters.sentiment import LexiconSentiment
from domain.headlines import label_of

VADER_FROM = 0.05  # the threshold VADER's authors recommend
BULLISH, NEUTRAL, BEARISH = "bullish", "neutral", "bearish"
LABELS = (BEARISH, NEUTRAL, BULLISH)
Labelled = list[tuple[str, str]]  # text, label


def is_held(text: str) -> bool:
    """Return whether a crypto headline is of the part that nothing was chosen on."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 3 == 0


def scores(true: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Return accuracy, macro-F1 over the three labels, and the share of right signs where both see one."""
    f1 = []
    for label in LABELS:
        both = sum(a == b == label for a, b in zip(true, said, strict=True))
        either = true.count(label) + said.count(label)
        f1.append(2 * both / either if either else 0.0)
    signed = [(a, b) for a, b in zip(true, said, strict=True) if NEUTRAL not in (a, b)]
    right = sum(a == b for a, b in zip(true, said, strict=True))
    return {
        "accuracy": round(right / len(true), 3),
        "macro_f1": round(sum(f1) / len(f1), 3),
        "signs_right": round(sum(a == b for a, b in signed) / len(signed), 3),
    }


def by_vader() -> Callable[[str], str]:
    """Return VADER as it comes, as a labeller."""
    analyzer = SentimentIntensityAnalyzer()

    def label(text: str) -> str:
        compound = analyzer.polarity_scores(text)["compound"]
        return BULLISH if compound >= VADER_FROM else BEARISH if compound <= -VADER_FROM else NEUTRAL

    return label


def crypto_headlines(path: Path) -> Labelled:
    names = {"1": BULLISH, "0": NEUTRAL, "-1": BEARISH}
    return [(row["news"], names[row["final_manual_labelling"]]) for row in _rows(path)]


def phrases(path: Path) -> Labelled:
    names = {"positive": BULLISH, "neutral": NEUTRAL, "negative": BEARISH, "1": BULLISH, "0": NEUTRAL, "-1": BEARISH}
    return [(row["sentence"], names[row["label"]]) for row in _rows(path)]


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def report(name: str, labelled: Labelled) -> None:
    ours = LexiconSentiment()
    true = [label for _, label in labelled]
    vader = by_vader()
    began = time.process_time()
    said = [label_of(ours.score(text)) for text, _ in labelled]
    spent = time.process_time() - began
    line = {
        "benchmark": "sentiment",
        "set": name,
        "headlines": len(labelled),
        "ours": scores(true, said),
        "vader": scores(true, [vader(text) for text, _ in labelled]),
        "majority": round(max(true.count(label) for label in LABELS) / len(true), 3),
        "us_per_headline": round(spent / len(labelled) * 1e6),
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUORUM_DATA", "data"))
    found = {path.name: path for path in sorted(folder.rglob("*.gz"))} if folder.is_dir() else {}
    if "cryptolin_dev30.csv.gz" not in found:
        print(json.dumps({"benchmark": "sentiment", "skipped": "no labelled headlines: give their folder"}))
        return
    headlines = crypto_headlines(found["cryptolin_dev30.csv.gz"])
    report("crypto headlines, held", [one for one in headlines if is_held(one[0])])
    report("crypto headlines, tune", [one for one in headlines if not is_held(one[0])])
    if "financial_phrasebank_dev20.csv.gz" in found:
        report("financial phrases", phrases(found["financial_phrasebank_dev20.csv.gz"]))


if __name__ == "__main__":
    main()
