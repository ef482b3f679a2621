/** The pages and their addresses: the part behind #, so that a page can be linked to and gone back from. */

export const PAGES = ["desk", "quorum", "why", "bots", "results", "news", "system"] as const;
export type PageName = (typeof PAGES)[number];

export const TITLES: Record<PageName, string> = {
  desk: "Desk",
  quorum: "Quorum",
  why: "Why",
  bots: "Bots",
  results: "Results",
  news: "News",
  system: "System",
};

export interface Place {
  page: PageName;
  query: Record<string, string>;
}

/** `#/why?id=…` -> the page and what it is asked for; anything else is the desk. */
export function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const page = PAGES.find((name) => name === path) ?? "desk";
  return { page, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a page, for links. */
export function href(page: PageName, query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return text ? `#/${page}?${text}` : `#/${page}`;
}
