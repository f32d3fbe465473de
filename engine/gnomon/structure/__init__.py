"""From the text of a TOML file to typed values, with the place of everything that does not fit.

One invariant: nothing is coerced and nothing is dropped. What the classes do not declare is a fault,
every fault has a line and a column, and all faults of a text are found in one pass.
"""

from gnomon.structure.examples import example_of, example_options, opening
from gnomon.structure.options import OptionDoc, describe_options
from gnomon.structure.positions import KeyPath, Positions, flatten, show_path
from gnomon.structure.text import Document, parse_document, read_document
from gnomon.structure.walker import default_of, key_names, nearest_key, structure, structure_fields
from gnomon.structure.words import expected, found

__all__ = [
    "Document",
    "KeyPath",
    "OptionDoc",
    "Positions",
    "default_of",
    "describe_options",
    "example_of",
    "example_options",
    "expected",
    "flatten",
    "found",
    "key_names",
    "nearest_key",
    "opening",
    "parse_document",
    "read_document",
    "show_path",
    "structure",
    "structure_fields",
]
