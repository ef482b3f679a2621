"""Ask the desk and follow its prices: `python -m examples.sync_client [URL]`."""

import itertools
import sys

from web.client import URL, Desk, DeskRefused


def main(url: str = URL, count: int = 5) -> None:
    with Desk(url) as desk:
        print("free cash", desk.snapshot["data"]["paper_balance"])
        try:
            order = desk.ask("execute_trade", symbol="BTCUSDT", direction="buy", value_usdt=50)
            print("bought at", order["data"].get("trade", {}).get("price"))
        except DeskRefused as refused:
            print("not bought:", refused)
        desk.ask("subscribe", topics=["price_update"])
        for frame in itertools.islice((each for each in desk.frames() if each["type"] == "price_update"), count):
            print(frame["data"]["symbol"], frame["data"]["price"])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else URL)
