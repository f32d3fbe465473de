"""A JSON Schema of the spec, for editors: keys, types, choices and help, with the options of every plugin.

One invariant: the schema allows whatever the loader allows. It knows types and names; what depends on the
stimuli or on another block only the loader can tell (``gnomon check``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from gnomon.catalogue import Catalogue
from gnomon.reference.specs import about
from gnomon.spec import ScoreKeys, SpecKeys, StatisticKeys, StopKeys
from gnomon.structure import describe_options
from gnomon.structure.walker import is_required, key_of, options_of, type_of
from gnomon.structure.words import LISTS, TABLES, arms, is_union

Schema = dict[str, Any]
DRAFT = "draft-07"
_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}


@attrs.frozen
class _Use:
    """A block that names a plugin: its own keys (a class, or none) and the plugin's kind."""

    kind: str
    keys: type | None = None


_USES: Mapping[str, _Use] = {
    "stimuli": _Use("sources"),
    "procedure": _Use("procedures"),
    "score": _Use("scorers", ScoreKeys),
    "statistic": _Use("statistics", StatisticKeys),
    "stop": _Use("statistics", StopKeys),
}


def json_schema(catalogue: Catalogue) -> Schema:
    """The schema of a spec with the plugins of a catalogue."""
    made = _table(SpecKeys)
    for key, use in _USES.items():
        block = _use(catalogue, use)
        wrapped = key in ("score", "statistic")
        made["properties"][key] = {
            "description": made["properties"][key]["description"],
            **({"type": "array", "items": block} if wrapped else block),
        }
    corrections = sorted(catalogue.of_kind("corrections"))
    own = made["properties"]["statistic"]["items"]["properties"]
    own["correction"] = {**own["correction"], "enum": corrections}
    return {
        "$schema": f"http://json-schema.org/{DRAFT}/schema#",
        "title": "A measure of gnomon",
        **made,
    }


def _table(cls: type) -> Schema:
    """The schema of an attrs class: its keys, no others, those without a default required."""
    helped = {option.name: option.help for option in describe_options(cls)}
    properties: Schema = {}
    for field in options_of(cls):
        key = key_of(field)
        said = helped.get(key, "")
        properties[key] = {**({"description": said} if said else {}), **_type(type_of(cls, field))}
    required = [key_of(field) for field in options_of(cls) if is_required(field)]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _type(tp: Any) -> Schema:
    origin = get_origin(tp)
    if origin is Annotated:
        return _type(get_args(tp)[0])
    if is_union(tp):
        made = [_type(arm) for arm in arms(tp)]
        return made[0] if len(made) == 1 else {"anyOf": made}
    if origin is Literal:
        return {"enum": list(get_args(tp))}
    if origin in LISTS:
        return _list(tp)
    if origin in TABLES:
        return {"type": "object", "additionalProperties": _type(get_args(tp)[1])}
    if attrs.has(tp):
        return _table(tp)
    return dict(_PLAIN.get(tp, {}))


def _list(tp: Any) -> Schema:
    kinds = get_args(tp)
    if get_origin(tp) is tuple and kinds[-1:] != (...,):
        size = len(kinds)
        return {
            "type": "array",
            "items": [_type(kind) for kind in kinds],
            "minItems": size,
            "maxItems": size,
        }
    return {"type": "array", "items": _type(kinds[0])}


def _use(catalogue: Catalogue, use: _Use) -> Schema:
    """A block whose keys depend on the plugin that ``use`` names."""
    own: Schema = (
        _table(use.keys)
        if use.keys is not None
        else {"properties": {"use": {"type": "string"}}, "required": ["use"]}
    )
    plugins = catalogue.of_kind(use.kind)
    cases = []
    for name, plugin in sorted(plugins.items()):
        options = _table(plugin.cls)
        # A key of the block's own comes before an option of the same name.
        named: Schema = {key: {} for key in own["properties"]}
        then: Schema = {
            "description": about(plugin.cls).split("\n")[0],
            "properties": {**options["properties"], **named},
            "additionalProperties": False,
        }
        required = [key for key in options.get("required", ()) if key not in named]
        if required:
            then["required"] = required
        cases.append({"if": {"properties": {"use": {"const": name}}}, "then": then})
    properties = {**own["properties"], "use": {"enum": sorted(plugins)}}
    return {
        "type": "object",
        "required": own["required"],
        "properties": properties,
        "allOf": cases,
    }
