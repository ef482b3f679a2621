"""Where trials are run: in processes of this machine by joblib, or on a Ray cluster. The records are the same."""

from collections.abc import Iterator, Sequence
from typing import Any

from backtest.trials import Trial, run_trial
from domain.errors import SettingsError


class LocalEngine:
    """Processes of this machine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(self, trials: Sequence[Trial]) -> Iterator[dict[str, Any]]:
        """Yield the records as they are done, in the order of `trials`."""
        from joblib import Parallel, delayed

        if self.jobs == 1 or len(trials) == 1:
            yield from map(run_trial, trials)
            return
        yield from Parallel(n_jobs=self.jobs, return_as="generator")(delayed(run_trial)(trial) for trial in trials)

    def close(self) -> None:
        """Nothing is left over."""


class RayEngine:
    """A Ray cluster: the one at `address`, or one of this machine that ends with the sweep."""

    def __init__(self, jobs: int, address: str | None) -> None:
        """Raise SettingsError where Ray is not installed."""
        try:
            import ray
        except ImportError as error:
            raise SettingsError("--engine ray needs the package ray: pip install ray") from error
        self._ray: Any = ray
        if not ray.is_initialized():
            own: dict[str, Any] = {} if address else {"num_cpus": jobs, "include_dashboard": False}
            ray.init(address=address, log_to_driver=False, configure_logging=False, **own)
        self._task = ray.remote(num_cpus=1)(run_trial)

    def run(self, trials: Sequence[Trial]) -> Iterator[dict[str, Any]]:
        """Yield the records in the order of `trials`."""
        waiting = [self._task.remote(trial) for trial in trials]
        for reference in waiting:
            yield self._ray.get(reference)

    def close(self) -> None:
        self._ray.shutdown()


def engine_of(name: str, jobs: int, address: str | None) -> LocalEngine | RayEngine:
    """Return the engine of that name: local or ray."""
    return RayEngine(jobs, address) if name == "ray" else LocalEngine(jobs)
