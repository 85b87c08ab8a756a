# Generated from monitoring_async.py by scripts/generate_sync.py: change that file, not this one.
"""The monitors and kill switches of a blocking engine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from memreg.api.arguments import as_optional, who_and_why
from memreg.api.part import Part
from memreg.core.errors import ArgumentInvalid
from memreg.core.logs import get_logger
from memreg.core.steps import Steps
from memreg.core.tracing import span
from memreg.engine.model import Action

if TYPE_CHECKING:
    from memreg.operations.kill_switch import Switched, Switches
    from memreg.operations.monitor.figures import ClassFigures, Monitored

_DAY = timedelta(days=1)
_log = get_logger(__name__)


class Monitoring(Part):
    """How an engine tells how its tenant's decisions fare, and stops merging; a base of `Engine`."""

    def monitor(self, *, window: timedelta = _DAY) -> Monitored:
        """How the decisions within the `window` fare, by class and version, at most 2,000 of a class, with the inbox,
        the questions to a person, the switches and sizes as they are now.

        Raises ArgumentInvalid and `schema`'s.
        """

        from memreg.api.writers import lease_of
        from memreg.operations.monitor.figures import Monitored, check_window, read_classes, table_sizes
        from memreg.operations.state import read_state

        check_window(window)
        name, lease = self.schema(), lease_of(self.database.settings)
        state = self.database.run_admin(lambda: read_state(self.tenant, name, lease, self._clock))

        def plan() -> Steps[tuple[list[ClassFigures], bool]]:
            return read_classes(self.tenant, name, state, state.now - window)

        classes, is_cut = self._run(plan)
        return Monitored(state.now, window, tuple(classes), is_cut, state, self.database.run_admin(table_sizes))

    def kill_switch(self, on: bool, class_name: str | None = None, *, by: str, why: str | None = None) -> Switched:
        """Turn the kill switch of a class, or of every class, of this tenant on or off.

        While it is on, from the next message on and in every process, memories are only created, unresolved, and
        nothing is deleted; `memreg resolve` decides it afterwards. Off, only what comes from now on can trip it again.

        Raises ArgumentInvalid and `schema`'s.
        """

        from memreg.operations.kill_switch import set_switch
        from memreg.operations.store import EVERY

        if not isinstance(on, bool):
            raise ArgumentInvalid(name="on", value=repr(on)[:80], reason="it must be True or False")
        who, reason = who_and_why(by, why, needs_why=False)
        wanted, name = as_optional("class_name", class_name), self.schema()

        def plan() -> Steps[Switched]:
            return set_switch(self.tenant, name, wanted, on, who, reason, self._clock)

        with span("act", verb="switch", schema=name) as told:
            done = self._run(plan)
            told.tell(class_=wanted or EVERY, action=Action.SWITCH, is_on=on, changed=done.changed)
        if done.changed:
            _log.info(
                "kill_switch",
                tenant=self.tenant,
                schema=name,
                class_name=wanted or EVERY,
                is_on=on,
                by=who,
                reason=reason,
            )
        return done

    def kill_switches(self) -> Switches:
        """The kill switches that have a say in this tenant and schema, and what waits meanwhile. Raises `schema`'s."""

        from memreg.operations.kill_switch import read_switches

        name = self.schema()
        return self._run(lambda: read_switches(self.tenant, name))
