"""The published stimulus table turned into the tidy form that the source ``paired-lists`` reads.

The published table has ragged columns: A and B the group words, C the attributes and D their synonyms,
first half positive (or of the default group), second half negative (or of the stigmatised group). In
four stereotypes the columns run on: full names in A and B, occupations in C and D. The published
synonym wording uses D whole, and the occupations in D are the high-status ones, hence positive; those
at the end of C were shown in no published association reply and are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

NAMES = {"arab/muslim": "arab", "mental illness": "mentalill"}
OCCUPATIONS = 4
"""How many rows run on in the stereotypes that have them."""
LONGER = ("arab", "asian", "black", "hispanic")

Row = tuple[str, str, str, str]
HEADER: Row = ("item", "category", "list", "value")


def tidy(table: Path) -> Iterator[Row]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        own = [row for row in rows if row["dataset"] == dataset]
        name = NAMES.get(dataset, dataset)
        # The paper and its results count age as health.
        category = "health" if name == "age" else own[0]["category"]
        columns = {key: [row[key] for row in own if row[key]] for key in "ABCD"}
        extra = OCCUPATIONS if name in LONGER else 0
        attributes = columns["C"][: len(columns["C"]) - extra]
        synonyms = columns["D"][: len(columns["D"]) - extra]
        half, synonym_half = len(attributes) // 2, len(synonyms) // 2
        lists = {
            "default": columns["A"][: len(columns["A"]) - extra],
            "stigma": columns["B"][: len(columns["B"]) - extra],
            "positive": attributes[:half],
            "negative": attributes[half:],
            "default_synonym": columns["A"],
            "stigma_synonym": columns["B"],
            "positive_synonym": synonyms[:synonym_half] + columns["D"][len(synonyms) :],
            "negative_synonym": synonyms[synonym_half:],
        }
        for list_name, values in lists.items():
            for value in values:
                yield name, category, list_name, value
