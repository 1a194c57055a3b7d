"""Parts of `ledger.py`, `overspend.py` and `kill_ledger.py`: empty databases, callers, baselines."""
