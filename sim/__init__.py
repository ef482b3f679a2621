"""A faithful world on loopback: exchange, models and news that speak the real protocols."""
