"""What the meter says about itself and about what comes: reconciliation, waste, forecasts, quotes."""
