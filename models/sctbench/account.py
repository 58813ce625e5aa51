"""A deposit, a withdrawal, and a checker that got its sum wrong.

Source: SCTBench, concurrent-software-benchmarks/account_bad.c (account_ok.c is the fix).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps

OPENING, DEPOSIT, WITHDRAWAL = 1, 2, 4


class Account:
    """The checker expects the deposit to have been taken away."""

    expected = OPENING - DEPOSIT - WITHDRAWAL

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.m = Mutex(sim, "m")
        self.balance = OPENING
        self.deposited = self.withdrawn = False
        self.seen: int | None = None

    def tasks(self) -> Mapping[str, Steps[None]]:
        """All three threads; the checker is made first."""
        return threads(
            self.sim, {"checker": self.check(), "depositor": self.deposit(), "withdrawer": self.withdraw()}
        )

    def deposit(self) -> Steps[None]:
        """Put money in."""
        yield "lock m"
        yield from self.m.lock()
        yield "read balance"
        balance = self.balance
        yield "write balance"
        self.balance = balance + DEPOSIT
        yield "write deposited"
        self.deposited = True
        yield "unlock m"
        self.m.unlock()

    def withdraw(self) -> Steps[None]:
        """Take money out."""
        yield "lock m"
        yield from self.m.lock()
        yield "read balance"
        balance = self.balance
        yield "write balance"
        self.balance = balance - WITHDRAWAL
        yield "write withdrawn"
        self.withdrawn = True
        yield "unlock m"
        self.m.unlock()

    def check(self) -> Steps[None]:
        """Look at the balance, if both are through."""
        yield "lock m"
        yield from self.m.lock()
        yield "read deposited"
        through = self.deposited
        if through:
            yield "read withdrawn"
            through = self.withdrawn
        if through:
            yield "read balance"
            self.seen = self.balance
        yield "unlock m"
        self.m.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the checker."""
        return {"the_balance_is_what_the_checker_expects": self.seen in (None, self.expected)}


class AccountFixed(Account):
    """The checker expects the sum."""

    expected = OPENING + DEPOSIT - WITHDRAWAL
