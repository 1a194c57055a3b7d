"""Monthly statements: built from the ledger, issued once, never changed, read like an electricity bill."""
