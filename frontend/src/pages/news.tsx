import { useEffect, useState } from "preact/hooks";
import type { NewsDataView } from "../messages";
import { mergedNews, type NewsFilter } from "../moods";
import { NewsFeed } from "../parts/news/feed";
import { FearAndGreed, Moods, Sources } from "../parts/news/mood";
import type { NewsItem } from "../protocol";
import { news, quietly, trusted } from "../store";
import "../styles/why.css";
import "../styles/quorum.css";
import "../styles/news.css";

const AGAIN_MS = 60_000; // the mood index and the sources are not told by themselves

/** What is written about the pairs, and the mood. */
export function NewsPage() {
  const [loaded, setLoaded] = useState<NewsItem[]>([]);
  const [filter, setFilter] = useState<NewsFilter>({ symbol: "", label: "", text: "" });
  const change = (part: Partial<NewsFilter>) => setFilter((before) => ({ ...before, ...part }));
  const ready = trusted.value;
  useEffect(() => {
    if (!ready) return undefined;
    let here = true;
    async function read(): Promise<void> {
      void quietly("get_health", {});
      const frame = await quietly("get_news_data", { limit: 500 });
      if (here && frame) setLoaded((frame.data as NewsDataView).news);
    }
    void read();
    const timer = window.setInterval(() => void read(), AGAIN_MS);
    return () => {
      here = false;
      window.clearInterval(timer);
    };
  }, [ready]);
  return (
    <div class="split news-page">
      <NewsFeed loaded={loaded} filter={filter} onFilter={change} />
      <div class="stack">
        <FearAndGreed />
        <Moods stories={mergedNews(news.value, loaded)} picked={filter.symbol} onPick={(symbol) => change({ symbol })} />
        <Sources />
      </div>
    </div>
  );
}
