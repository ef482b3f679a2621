"""Long-lived actors: thin shells around the rules in domain/."""
