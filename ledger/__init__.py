"""Command-line tools over the journal: audit, export, verify."""
