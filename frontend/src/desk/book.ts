import { useEffect, useState } from "preact/hooks";
import type { OrderBookView } from "../messages";
import { quietly, trusted } from "../store";

const EVERY_MS = 1000;

/** The newest book of a pair with the terms of a fill, asked for every second; null while none is known. */
export function useBook(symbol: string): OrderBookView | null {
  const [book, setBook] = useState<OrderBookView | null>(null);
  const ready = trusted.value;
  useEffect(() => {
    setBook(null);
    if (!symbol || !ready) return undefined;
    let wanted = true;
    const look = async () => {
      if (document.hidden) return;
      const frame = await quietly("get_order_book", { symbol, limit: 20 });
      if (wanted && frame) setBook(frame.data as OrderBookView);
    };
    void look();
    const timer = window.setInterval(look, EVERY_MS);
    return () => {
      wanted = false;
      window.clearInterval(timer);
    };
  }, [symbol, ready]);
  return book;
}
