"""Addresses of servers, as a model string gives them.

One invariant: an address that may hold a secret is refused, and no sentence about an address repeats one.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def check_address(url: str, instead: str) -> None:
    """Refuse what is no address of a server, or holds more than one.

    Args:
        url: The address.
        instead: Where a secret belongs, for the sentence.

    Raises:
        ValueError: With a sentence about ``base_url``.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        host.removesuffix(".").encode("idna")
    except UnicodeError:
        raise ValueError(
            f"base_url {shown(url)!r} is no address: a part of the name is empty, too long, or of no letters"
        ) from None
    except ValueError as error:
        raise ValueError(f"base_url {shown(url)!r} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise ValueError(
            f"base_url must be an address such as http://127.0.0.1:8000/v1, found {shown(url)!r}"
        )
    if parts.username or parts.password:
        raise ValueError(f"base_url may not hold a user or a password; {instead}")
    if parts.query or parts.fragment:
        raise ValueError(f"base_url may not have a query or a fragment, found {shown(url)!r}")


def shown(url: str) -> str:
    """The address without what may be a secret in it: a user, a query."""
    before, at, rest = url.rpartition("@")
    if at:
        scheme, slashes, _ = before.partition("//")
        url = f"{scheme if slashes else ''}{slashes}…@{rest}"
    for mark in "?#":
        head, found, _ = url.partition(mark)
        url = f"{head}{found}…" if found else url
    return url
