"""What a model is told of a schema version, whatever the message: made once, because it is the same every time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

from pydantic import BaseModel

from memreg.annotator.extract_prompt import instructions
from memreg.annotator.mask import Mask
from memreg.annotator.prompt import prompt_hash
from memreg.annotator.response import response_model
from memreg.registry.models import ClassSpec, SchemaSpec, SchemaVersion

_KEPT = 64


@dataclass(frozen=True, slots=True)
class Told:
    """The instructions, the shape of the answer, and the sha256 (hex) of both. `classes`: those that are told of."""

    classes: tuple[ClassSpec, ...]
    system: str
    shape: type[BaseModel]
    prompt_hash: str


_made: OrderedDict[tuple[str, str, bool], tuple[SchemaSpec, Told]] = OrderedDict()
_making = Lock()


def told_of(version: SchemaVersion, mask: Mask | None = None) -> Told | None:
    """What is told of a version. With a mask, pii columns whose values it cannot hide are not asked for.

    None where no column is left.
    """
    key = (version.fingerprint, version.name, mask is not None)
    with _making:
        spec, told = _made.get(key, (None, None))
        if told is not None and (spec is version.spec or spec == version.spec):
            _made.move_to_end(key)
            return told
    classes = version.spec.classes if mask is None else _maskable(version.spec, mask)
    if not classes:
        return None
    system, shape = instructions(classes), response_model(classes)
    told = Told(classes, system, shape, prompt_hash(system, shape))
    with _making:
        _made[key] = (version.spec, told)
        while len(_made) > _KEPT:
            _made.popitem(last=False)
    return told


def _maskable(spec: SchemaSpec, mask: Mask) -> tuple[ClassSpec, ...]:
    found = []
    for each in spec.classes:
        columns = tuple(column for column in each.columns if not column.pii or mask.hides(column))
        if columns:
            found.append(replace(each, columns=columns))
    return tuple(found)
