import { News } from "../parts/news";

/** What is written about the pairs, and the mood. */
export function NewsPage() {
  return <News />;
}
