"""Answers as the tables that scoring of whole batches takes: a table for each control, in the schema of its kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import pyarrow as pa

from yuelu.base.schemas import BOXES, LABELS, SEGMENTS

Kind: TypeAlias = Literal["choice", "box", "segment"]

SCHEMAS: Mapping[Kind, pa.Schema] = MappingProxyType({"choice": LABELS, "box": BOXES, "segment": SEGMENTS})


@dataclass(frozen=True, slots=True)
class Control:
    """The answers given with one control of the configuration; `table` is in the schema of its kind."""

    kind: Kind
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Export:
    """`controls` by name; `seen` in the schema SEEN; `ignored`, sentences about what was left out and how often."""

    controls: Mapping[str, Control]
    seen: pa.Table
    ignored: tuple[str, ...]
