"""Serves a GGUF model by llama.cpp's own HTTP server until SIGTERM or SIGINT.

    serve.py MODEL.gguf PORT

Prints "listening URL" when it takes requests.
"""

import signal
import sys

import xllamacpp


def main(model: str, port: str) -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {"tiny-random"}
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.n_ctx = 16384
    params.n_parallel = 4
    params.cpuparams.n_threads = 2
    params.warmup = False
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    server = xllamacpp.Server(params)
    print("listening", server.listening_address, flush=True)
    signal.sigwait(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
