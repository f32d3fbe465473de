"""Text as LaTeX and BibTeX take it: the one place that knows which signs are theirs.

One invariant: what is made is typeset as the text it was made from.
"""

from __future__ import annotations

import re

SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\textasciigrave{}",
    "−": "$-$",
    "…": r"\ldots{}",
}


_JOINED = re.compile(r"-(?=-)|'(?=')|,(?=,)")
"""Signs that LaTeX sets as one when they follow each other: dashes and quotation marks."""


def latex_text(text: str) -> str:
    """The text with every sign that LaTeX reads as its own written so that it is shown.

    >>> print(latex_text("50 % of a_b"))
    50 \\% of a\\_b
    """
    made = "".join(SIGNS.get(sign, sign) for sign in text)
    return _JOINED.sub(r"\g<0>{}", made)
