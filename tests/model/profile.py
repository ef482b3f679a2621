"""How long the state machines run: a fixed number of examples, always the same; more by QUORUM_EXAMPLES."""

import os

import pytest
from hypothesis import HealthCheck, settings

ASKED = int(os.environ.get("QUORUM_EXAMPLES", "0"))
TIMEOUT = pytest.mark.timeout(0 if ASKED else 180)  # a machine is many tests in one


def machine_settings(examples: int, steps: int) -> settings:
    """Return settings of `examples` runs of at most `steps` steps each.

    With QUORUM_EXAMPLES=n there are n runs, other ones each time; a failure is shrunk, which takes minutes.
    """
    return settings(
        max_examples=ASKED or examples,
        stateful_step_count=steps,
        derandomize=not ASKED,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
