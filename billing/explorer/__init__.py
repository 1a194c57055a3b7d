"""The ledger as its owners look at it: movements with the balance after each, what they come from, as a file."""
