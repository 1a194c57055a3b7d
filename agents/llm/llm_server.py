"""The built-in model's process: an OpenAI-compatible server on loopback. `python -m agents.llm.llm_server MODEL`

The first line of its stdin is the key that requests have to carry; the end of its stdin ends it, so that it never
outlives its parent, not even a killed one. It says `listening URL` on its stdout.
"""

import os
import signal
import sys
import threading

import xllamacpp as xlc

CONTEXT_TOKENS, SLOTS = 8192, 4  # four agents share one cache of 8k tokens
CACHE_MIB = 512  # prompts' beginnings that are kept in memory besides the slots'
NICENESS = 10  # the site comes first


def parameters(model: str, key: str) -> "xlc.CommonParams":
    """Return how the server runs: one core stays free while it writes, all read prompts."""
    cores = len(os.sched_getaffinity(0))
    wanted = xlc.CommonParams()
    wanted.model.path = model
    wanted.model_alias = {"local"}
    wanted.hostnames, wanted.port = ["127.0.0.1"], 0
    wanted.api_keys, wanted.cors_origins = [key], "http://127.0.0.1"
    wanted.ui = False
    wanted.n_ctx, wanted.n_parallel, wanted.kv_unified = CONTEXT_TOKENS, SLOTS, True
    wanted.cpuparams.n_threads, wanted.cpuparams_batch.n_threads = max(1, cores - 1), cores
    wanted.n_gpu_layers, wanted.cache_ram_mib = 0, CACHE_MIB
    wanted.verbosity = 1
    return wanted


def main(model: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's: it ends us in its own order
    os.nice(NICENESS)
    key = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = xlc.Server(parameters(model, key))  # has to stay in a variable: unreferenced it dies or hangs
    sys.stdout.write(f"listening {server.listening_address}\n")
    sys.stdout.flush()
    threading.Event().wait()
    del server


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
