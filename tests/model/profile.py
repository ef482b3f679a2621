"""How long the state machines run: a fixed, derandomized number of examples; more by QUORUM_EXAMPLES."""

import os

from hypothesis import HealthCheck, settings


def machine_settings(examples: int, steps: int) -> settings:
    """Return settings of `examples` runs of at most `steps` steps each.

    With QUORUM_EXAMPLES=n there are n runs, of another seed each time.
    """
    asked = os.environ.get("QUORUM_EXAMPLES")
    return settings(
        max_examples=int(asked) if asked else examples,
        stateful_step_count=steps,
        derandomize=not asked,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
