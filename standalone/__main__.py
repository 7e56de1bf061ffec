"""`python -m standalone up` and `python -m standalone demo`."""

import signal

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # importing takes a second: a Ctrl-C in it just ends, and raises nothing
    from standalone.cli import main

    main()
