"""The litellm library: brought in on first use, and its exceptions turned into failed calls.

One invariant: the library keeps quiet, stays off the network until it is asked to call, changes no
parameter, tries nothing again, takes no answer as the reply to another ask, and lets no secret out in a
message.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from gnomon import CallFailed, ModelError, Reply
from gnomon_plugins.backends import faults
from gnomon_plugins.backends._quiet import quiet_connector


def library() -> Any:
    """The library, set up to keep quiet, to stay off the network, and to change nothing.

    Raises:
        ModelError: It is not installed, or is too old.
    """
    # Without this the import fetches a table of prices.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm
    except ModuleNotFoundError:
        raise ModelError(
            "models of providers need litellm, which is not installed; "
            "install it with: pip install 'gnomon[litellm]'"
        ) from None
    if not getattr(litellm, "_gnomon_ready", False):
        litellm.telemetry = False
        litellm.drop_params = False
        litellm.modify_params = False
        litellm.suppress_debug_info = True
        litellm.num_retries = 0
        _keep_answers_apart(litellm)
        litellm._gnomon_ready = True
    return litellm


def _keep_answers_apart(litellm: Any) -> None:
    """Give the library's clients connections on which no unasked answer is taken as the next reply.

    aiohttp, which it uses, hands a second answer left on a kept connection to whoever asks there next.
    The library has no setting for the connector; where a later version builds it elsewhere, its other
    transport is used, which does not keep a connection with bytes on it, and is slower.
    """
    from litellm.llms.custom_httpx import http_handler

    if hasattr(http_handler, "TCPConnector"):
        http_handler.TCPConnector = quiet_connector()
    else:
        litellm.disable_aiohttp_transport = True


def failed(error: Exception, who: str) -> Reply:
    """The failure that a client's exception means, or a filtered reply.

    Raises:
        CallFailed: Unless the provider filtered the content.
    """
    kind = type(error).__name__
    said = faults.scrub(faults.sentence_of(_plain(str(getattr(error, "message", error)))))
    status = getattr(error, "status_code", None)
    held = getattr(error, "body", None)
    # The provider's own body where the client keeps it: codes such as the quota's are only there.
    body = json.dumps(held, default=str) if isinstance(held, Mapping) and held else said
    if kind == "ContentPolicyViolationError" or faults.is_filtered(status or 0, f"{said} {body}"):
        return Reply(status="filtered", finish="content_filter")
    if kind in ("Timeout", "APITimeoutError"):
        raise CallFailed(f"{who} did not answer in time: {said}", retry=True) from None
    if kind == "ContextWindowExceededError":
        raise CallFailed(f"{who}: the prompt is longer than the model's context: {said}") from None
    if kind == "APIConnectionError" or said == "Connection error.":
        raise CallFailed(f"{who} could not be reached: {said}", retry=True) from None
    if not isinstance(status, int):
        raise CallFailed(f"{who} failed with {kind}: {said}", retry=True) from None
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", {})
    raise faults.from_status(status, body, who, headers, time.time()) from None


def _plain(message: str) -> str:
    """The message without litellm's own prefixes, and without the tracebacks it puts into some."""
    message = message.partition("Traceback (most recent call last)")[0]
    while message.startswith("litellm.") and ": " in message:
        message = message.partition(": ")[2]
    head, found, rest = message.partition(" - ")
    return rest if found and head.endswith("Exception") else message
