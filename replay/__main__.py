"""`python -m replay RECORDING`: plays what a desk has recorded and compares every journal document."""

from gevent import monkey

monkey.patch_all()  # before any other import: they must all see patched sockets and locks

import sys

from replay.command import main

if __name__ == "__main__":
    sys.exit(main())
