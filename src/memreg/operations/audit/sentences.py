"""What can be found wrong in an audit, in words."""

from __future__ import annotations

from enum import StrEnum


class FindingKind(StrEnum):
    """What is not as it was written."""

    CHANGED = "changed"
    VALUES_CHANGED = "values_changed"
    MISSING = "missing"
    VALUES_MISSING = "values_missing"
    VALUES_ALONE = "values_alone"
    MESSAGE_MISSING = "message_missing"
    ERASED_UNTOLD = "erased_untold"
    UNKNOWN = "unknown"
    LATE = "late"
    MISDATED = "misdated"
    SEAL_CHANGED = "seal_changed"
    SEAL_CONTENT = "seal_content"
    SEAL_MISSING = "seal_missing"
    SEAL_UNLINKED = "seal_unlinked"
    ANCHOR_MISSING = "anchor_missing"
    ANCHOR_OTHER = "anchor_other"


SENTENCES: dict[FindingKind, str] = {
    FindingKind.CHANGED: "the entry {entry} is not as it was written",
    FindingKind.VALUES_CHANGED: "the values of the entry {entry} are not as they were written",
    FindingKind.MISSING: "the entry {entry} is gone, and no retention removed it",
    FindingKind.VALUES_MISSING: "the values of the entry {entry} are gone",
    FindingKind.VALUES_ALONE: "there are values of an entry {entry}, which is gone",
    FindingKind.MESSAGE_MISSING: "the message of the entry {entry} is gone",
    FindingKind.ERASED_UNTOLD: "the values of the entry {entry} were taken away, and no erasing tells of what is left",
    FindingKind.UNKNOWN: "no seal ties the entry {entry}, and it waits for none: the audit was gone round",
    FindingKind.LATE: "the entry {entry} came long after its time: what was written later had been sealed before",
    FindingKind.MISDATED: "the entry {entry} says another time than that at which it was written",
    FindingKind.SEAL_CHANGED: "the seal {seal} is not as it was made",
    FindingKind.SEAL_CONTENT: "the entries of the seal {seal} are not those that it was made over",
    FindingKind.SEAL_MISSING: "the seal {seal} is gone",
    FindingKind.SEAL_UNLINKED: "the seal {seal} does not follow on the one before it",
    FindingKind.ANCHOR_MISSING: "the seal {seal}, which the anchor knows, is gone: the end of the audit was cut off",
    FindingKind.ANCHOR_OTHER: "the seal {seal} is another one than the anchor knows: the audit was written anew",
}
"""What each kind says of a place in the chain."""
