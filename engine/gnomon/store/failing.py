"""When the database cannot be written: what is lost, what is not, and what to do.

One invariant: a sentence says how much is stored, so that nobody has to guess; and a file that was taken
away under the writer is found out before anything is written into nowhere.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gnomon.errors import WriteError


def check_place(connection: sqlite3.Connection, path: Path, inode: int) -> None:
    """See that the file is still the one that was opened.

    A deleted file can be written to for ever; all of it is lost when the process ends.

    Raises:
        WriteError: It was removed or replaced; its contents were saved beside it where possible.
    """
    try:
        there = path.stat().st_ino == inode
    except OSError:
        there = False
    if not there:
        raise WriteError(
            f"the database {path} was removed or replaced while it was being written; "
            f"{_rescue(connection, path)}"
        )


def _rescue(connection: sqlite3.Connection, path: Path) -> str:
    saved = path.with_name(f"{path.name}.rescued")
    if saved.exists():
        return f"nothing could be rescued, because {saved} is there already"
    try:
        copy = sqlite3.connect(saved)
        try:
            connection.backup(copy)
        finally:
            copy.close()
    except sqlite3.Error as error:
        return f"its contents could not be rescued either ({error})"
    return (
        f"what had been committed was saved as {saved}: move it to {path} and give the "
        "same command again to go on"
    )


def write_failure(
    error: sqlite3.Error, path: Path, acknowledged: int, unacknowledged: int
) -> WriteError:
    """What to say of an error while writing.

    Args:
        error: What the database said.
        path: The file.
        acknowledged: Replies of this session that are committed.
        unacknowledged: Replies that are not.
    """
    kept = (
        f"{acknowledged} replies of this session are stored, {unacknowledged} that "
        "had just come are not"
    )
    again = "give the same command again to go on where it stopped"
    text = str(error)
    if "full" in text:
        return WriteError(
            f"the disk of the database {path} is full: {kept}; free some space and {again}"
        )
    if "locked" in text or "busy" in text:
        return WriteError(
            f"the database {path} is locked by another program that writes to it: {kept}; "
            f"end that program and {again}"
        )
    if "readonly" in text:
        return WriteError(
            f"the database {path} has become read-only: {kept}; make it writable and {again}"
        )
    return WriteError(
        f"the database {path} cannot be written ({text}): {kept}; mend the cause and {again}"
    )
