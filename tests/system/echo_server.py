"""An echo application on the desk's WebSocket handler, for the conformance suite: `python -m tests.system.echo_server`.

Prints its port, then serves until it is killed. Messages may be long and binary, which the suite wants; frames are not
counted, since the suite sends thousands at once.
"""

from gevent import monkey

monkey.patch_all()

import sys

from web import wire
from web.pace import TokenBucket
from web.safe_ws import BINARY, Server

MAX_MESSAGE = 2**20


def echo(environ, start_response):
    ws = environ.get("wsgi.websocket")
    if ws is None:
        start_response("426 Upgrade Required", [])
        return []
    ws.max_message, ws.accept_binary, ws.frames = MAX_MESSAGE, True, TokenBucket(1e9, 1e9)
    while (message := ws.receive()) is not None:
        is_text = isinstance(message, str)
        ws.writer(wire.frame(wire.TEXT if is_text else BINARY, message.encode() if is_text else message))
    return []


def main():
    server = Server(("127.0.0.1", 0), echo, log=None, error_log=sys.stderr)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
