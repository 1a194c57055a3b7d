"""The counters of a page: in which its holds stand, and into which new ones go. Changed under their wallet's lock."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from billing import budgets, ops, periods
from billing.contracts import BudgetRow
from billing.models import Alert, Budget, BudgetWindow, Hold, Level, Wallet
from billing.written import Written
from workspaces.people.models import Workspace
from wukong.kernel import rows
from wukong.kernel.errors import NotFound

LEVELS = (Level.RUN, Level.AGENT, Level.SWARM, Level.PROJECT, Level.WORKSPACE)
"""The narrowest first: of two limits that are equally near, it is named."""

THRESHOLDS = (50, 80, 100)
WINDOW_FIELDS = ("limit_nano", "set_nano", "is_hard", "spent_nano", "held_nano")
BUDGET_FIELDS = ("period", "limit_nano", "is_hard", "actor", "changed_at")


@dataclass(slots=True)
class Limit:
    """One limit in whose counter a hold stands. `window` None: nothing has been counted yet."""

    level: str
    name: str
    key: str
    first: str
    limit_nano: int | None
    is_hard: bool
    window: BudgetWindow | None

    @property
    def left_nano(self) -> int | None:
        """What may still be held; None: it does not refuse."""
        if self.limit_nano is None or not self.is_hard:
            return None
        return self.limit_nano - (self.window.spent_nano + self.window.held_nano if self.window is not None else 0)


class Counters:
    """Of one page. Budgets are read anew with each page, so a change counts for the next hold."""

    def __init__(
        self,
        at: datetime,
        asked: Sequence[ops.Hold],
        changes: Sequence[ops.SetBudget | ops.DropBudget],
        holds: Iterable[Hold],
        known: Collection[UUID],
    ) -> None:
        """`known` are the workspaces that have a wallet."""
        self._at = at
        self._written, self._budgets = Written(), Written()
        self._dropped: list[Budget] = []
        self._of_hold: dict[str, list[BudgetWindow]] = {}
        self._exceeded: list[Alert] = []
        owners = {op.workspace_id for op in (*asked, *changes) if op.workspace_id in known}
        self._by_scope: dict[tuple[UUID, str, str], Budget] = {
            (row.workspace_id, row.level, row.name): row for row in rows.load(Budget, "workspace", owners)
        }
        self._zones: dict[UUID, ZoneInfo] = {}
        if dated := owners & ({key[0] for key in self._by_scope} | {op.workspace_id for op in changes}):
            zones = Workspace.objects.filter(pk__in=dated).values_list("pk", "time_zone")
            self._zones = {pk: ZoneInfo(zone) for pk, zone in zones}
        keys = {key for op in asked for _level, _name, key, _first, _budget in self._scopes(op)}
        keys |= {
            self._key(op.workspace_id, op.level, op.name, op.period)[0]
            for op in changes
            if isinstance(op, ops.SetBudget)
        }
        keys |= {self._key(*scope, budget.period)[0] for scope, budget in self._by_scope.items() if changes}
        self._by_key = {row.key: row for row in rows.load(BudgetWindow, "key", keys)}
        self._by_id = {row.pk: row for row in self._by_key.values()}
        stood_in = {pk for hold in holds for pk in window_ids(hold)}
        for row in rows.load(BudgetWindow, "id", stood_in - self._by_id.keys()):
            self._by_key[row.key] = self._by_id[row.pk] = row

    # --- limits ------------------------------------------------------------------------------------------------------
    def _key(self, workspace_id: UUID, level: str, name: str, period: str) -> tuple[str, str]:
        """Return the key of the counter that counts now, and the first day of its period."""
        first = periods.first_day(period, self._at, self._zones[workspace_id]) if workspace_id in self._zones else None
        return periods.counter_key(level, workspace_id, name, first), first.isoformat() if first is not None else ""

    def _scopes(self, op: ops.Hold) -> Iterable[tuple[str, str, str, str, Budget | None]]:
        """Yield level, name, key, first day and budget of what a hold counts in."""
        if op.run is not None:
            yield Level.RUN, str(op.run), periods.counter_key(Level.RUN, op.workspace_id, str(op.run), None), "", None
        names = (
            (Level.AGENT, op.agent),
            (Level.SWARM, op.swarm),
            (Level.PROJECT, str(op.project) if op.project is not None else ""),
        )
        scopes = [(level, name) for level, name in names if name] + [(Level.WORKSPACE, "")]
        for level, name in scopes:
            budget = self._by_scope.get((op.workspace_id, level, name))
            if budget is not None:
                yield level, name, *self._key(op.workspace_id, level, name, budget.period), budget

    def of(self, op: ops.Hold, wallet: Wallet) -> list[Limit]:
        """Return the limits that a new hold has to keep, the narrowest first.

        Raises NotFound when it is for a run of another workspace.
        """
        found = []
        for level, name, key, first, budget in self._scopes(op):
            window = self._by_key.get(key)
            if window is not None and window.wallet_id != wallet.pk:
                raise NotFound(_("There is no such run in this workspace."))
            limit = budget.limit_nano if budget is not None else op.run_budget_nano
            is_hard = budget.is_hard if budget is not None else True
            found.append(Limit(level, name, key, first, limit, is_hard, window))
        return found

    def of_hold(self, hold: Hold) -> list[Limit]:
        """Return the limits of the periods in which a hold was made, as they were set last."""
        return [
            Limit(one.level, one.name, one.key, one.period, one.meant_nano, one.is_hard, one)
            for one in self.windows(hold)
        ]

    def windows(self, hold: Hold) -> list[BudgetWindow]:
        """Return the counters in which a hold stands, the narrowest first."""
        found = self._of_hold.get(hold.key)  # they are asked for at each step of a hold, and never change
        if found is None:
            found = self._of_hold[hold.key] = [self._by_id[pk] for pk in window_ids(hold)]
        return found

    # --- changing ----------------------------------------------------------------------------------------------------
    def open(self, limits: Iterable[Limit], wallet: Wallet) -> dict[str, UUID]:
        """Make the counters that are missing, and set their limits; returns them as columns of a hold."""
        columns = {}
        for limit in limits:
            if limit.window is None:
                limit.window = self._open(limit, wallet)
            columns[f"{limit.level}_window_id"] = limit.window.pk
            self._limit(limit.window, limit.limit_nano, is_hard=limit.is_hard)
        return columns

    def _open(self, limit: Limit, wallet: Wallet) -> BudgetWindow:
        window = rows.make(
            BudgetWindow,
            wallet_id=wallet.pk,
            key=limit.key,
            level=str(limit.level),
            name=limit.name,
            period=limit.first,
        )
        self._by_key[window.key] = self._by_id[window.pk] = window
        self._written.new.append(window)
        return window

    def _limit(self, window: BudgetWindow, nano: int | None, *, is_hard: bool) -> None:
        """Set a counter's limit. What is spent and held already is let through a hard one that is below it, no more."""
        used = window.spent_nano + window.held_nano
        below = nano if nano is not None and is_hard and nano < used else None
        limits = (nano if below is None else used, below, is_hard)
        if (window.limit_nano, window.set_nano, window.is_hard) != limits:
            window.limit_nano, window.set_nano, window.is_hard = limits
            self._written.touch(window)

    def set(self, op: ops.SetBudget) -> Budget:
        """Write down a budget, and give the counter that counts now its limit."""
        budget = self._by_scope.get((op.workspace_id, op.level, op.name))
        if budget is None:
            budget = rows.make(
                Budget, workspace_id=op.workspace_id, level=op.level, name=op.name, limit_nano=0, period="", actor=""
            )
            self._by_scope[op.workspace_id, op.level, op.name] = budget
            self._budgets.new.append(budget)
        budget.period, budget.limit_nano, budget.is_hard = op.period, op.limit_nano, op.is_hard
        budget.actor, budget.changed_at = op.actor[:80], self._at
        self._budgets.touch(budget)
        if (window := self.window_now(budget)) is not None:
            self._limit(window, op.limit_nano, is_hard=op.is_hard)
            if window.spent_nano > op.limit_nano:
                self._exceeded.append(_alert(window, op.workspace_id, THRESHOLDS[-1]))
        return budget

    def drop(self, op: ops.DropBudget) -> None:
        """Take a budget away; its counter counts on without a limit for the holds that stand in it."""
        budget = self._by_scope.pop((op.workspace_id, op.level, op.name), None)
        if budget is None:
            return
        self._dropped.append(budget)
        window = self._by_key.get(self._key(op.workspace_id, op.level, op.name, budget.period)[0])
        if window is not None:
            self._limit(window, None, is_hard=window.is_hard)

    def row(self, budget: Budget, currency: str) -> BudgetRow:
        """Return a budget as people see it."""
        zone = self._zones[budget.workspace_id]
        return budgets.row_of(budget, self.window_now(budget), currency, self._at, zone)

    def window_now(self, budget: Budget) -> BudgetWindow | None:
        """Return the counter of a budget's period that runs."""
        return self._by_key.get(self._key(budget.workspace_id, budget.level, budget.name, budget.period)[0])

    def reserve(self, hold: Hold, nano: int) -> None:
        """Add to what a hold holds in its counters."""
        for window in self.windows(hold):
            window.held_nano += nano
            self._written.touch(window)

    def spend(self, hold: Hold, nano: int) -> list[Alert]:
        """Count what a hold was charged (negative: got back); returns the alerts that this causes."""
        alerts = []
        for window in self.windows(hold):
            before = window.spent_nano
            window.spent_nano += nano
            self._written.touch(window)
            if window.level != Level.RUN:
                alerts += [_alert(window, hold.workspace_id, percent) for percent in crossed(window, before)]
        return alerts

    def write(self) -> None:
        """Write everything down; before the holds, which name their counters."""
        self._budgets.write(BUDGET_FIELDS)
        self._written.write(WINDOW_FIELDS)
        if self._dropped:
            Budget.objects.filter(pk__in=[budget.pk for budget in self._dropped]).delete()

    def write_alerts(self, alerts: Sequence[Alert]) -> list[tuple[Alert, BudgetWindow]]:
        """Write what people are told, except what they have been told of the same counter before; returns what is new.

        A limit that is raised between two charges of one page lets the same threshold be crossed twice. A limit that
        is set below what is spent is told with them.
        """
        alerts = [*self._exceeded, *alerts]
        told = {(row.window_id, row.threshold) for row in rows.load(Alert, "window", {one.window_id for one in alerts})}
        fresh: dict[tuple[UUID, int], Alert] = {}
        for one in alerts:
            if (key := (one.window_id, one.threshold)) not in told:
                fresh.setdefault(key, one)
        rows.insert(list(fresh.values()))
        return [(one, self._by_id[one.window_id]) for one in fresh.values()]


def crossed(window: BudgetWindow, before_nano: int) -> list[int]:
    """Return the thresholds, per cent of a counter's limit, that its spending has reached since `before_nano`."""
    limit = window.meant_nano
    if not limit:
        return []
    return [one for one in THRESHOLDS if before_nano * 100 < one * limit <= window.spent_nano * 100]


def _alert(window: BudgetWindow, workspace_id: UUID, percent: int) -> Alert:
    return rows.make(
        Alert,
        window_id=window.pk,
        workspace_id=workspace_id,
        threshold=percent,
        spent_nano=window.spent_nano,
        limit_nano=window.meant_nano or 0,
    )


_windows_of = itemgetter(*(f"{level}_window_id" for level in LEVELS))


def window_ids(hold: Hold) -> list[UUID]:
    """Return the counters of a hold, the narrowest first."""
    return [pk for pk in _windows_of(vars(hold)) if pk is not None]  # past the descriptors of foreign keys
