"""The outside world: exchange, news, models, database, clock. Adapters translate; they decide nothing."""
