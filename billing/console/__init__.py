"""What operators do with money, and look at: each action asks, shows what it will do, does it once, says who did it."""
