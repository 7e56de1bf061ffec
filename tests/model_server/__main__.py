"""`python -m tests.model_server --port 9000 [--key KEY]`: the test model server in the foreground, until Ctrl-C."""

from argparse import ArgumentParser
from contextlib import suppress

from tests.model_server.running import KEY, make_server


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--key", default=KEY)
    options = parser.parse_args()
    print(f"Test model server at http://127.0.0.1:{options.port}/v1, key {options.key}", flush=True)
    with suppress(KeyboardInterrupt):
        make_server(key=options.key, port=options.port).run()


if __name__ == "__main__":
    main()
