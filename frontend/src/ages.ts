/** The desk's own time, and how old what it said is. The clock of this machine may be wrong; the desk's counts. */

import { effect, signal } from "@preact/signals";
import { prices, serverTime } from "./store";

let offset = 0; // ms that the desk's clock is ahead of this one
effect(() => {
  if (serverTime.value) offset = serverTime.value - Date.now();
});

/** Newest time of a price: in a recording that is played fast it runs ahead of any clock. */
function newestPrice(): number {
  return Object.values(prices.peek()).reduce((newest, price) => Math.max(newest, price.timestamp * 1000), 0);
}

/** Epoch ms as the desk has it, by the second. Reading it draws anew each second. */
export const deskNow = signal(Date.now());

window.setInterval(() => (deskNow.value = Math.max(Date.now() + offset, newestPrice())), 1000);
effect(() => {
  if (serverTime.value) deskNow.value = serverTime.value;
});
