/** Which page is shown now. */

import { computed, signal } from "@preact/signals";
import { href, type PageName, placeOf } from "./place";

export { href, PAGES, type PageName, TITLES } from "./place";

const hash = signal(location.hash);
window.addEventListener("hashchange", () => (hash.value = location.hash));

export const place = computed(() => placeOf(hash.value));

/** Go to a page as a link would. */
export function go(page: PageName, query: Record<string, string> = {}): void {
  location.hash = href(page, query);
}
