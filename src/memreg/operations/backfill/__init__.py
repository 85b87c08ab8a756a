"""Taking the memories of every tenant to a new version of their schema, while messages keep coming.

First every live memory is indexed for the new version, beside what the old one needs (`index`); then the new version is
put in force (`activate`), and memories are read through its lineage; then they are rewritten to its form (`rewrite`).
"""

from __future__ import annotations

from memreg.operations.backfill.life import Backfill, Failure, cancel, pause, resume, status
from memreg.operations.backfill.plan import ClassPlan, Plan, plan
from memreg.operations.backfill.rollback import roll_back
from memreg.operations.backfill.run import Backfilled, Progress, backfill, failures, start

__all__ = [
    "Backfill",
    "Backfilled",
    "ClassPlan",
    "Failure",
    "Plan",
    "Progress",
    "backfill",
    "cancel",
    "failures",
    "pause",
    "plan",
    "resume",
    "roll_back",
    "start",
    "status",
]
