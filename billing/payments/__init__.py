"""Money in and out through a payment provider (Stripe). Only `gateway` speaks with it."""
