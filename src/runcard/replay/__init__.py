"""The replay: a recorded run set beside itself run again; what differs, whether it came out the same, and where not."""

from runcard.replay.account import Account, Outcome

__all__ = ["Account", "Outcome"]
