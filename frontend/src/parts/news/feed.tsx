import { useEffect, useState } from "preact/hooks";
import * as show from "../../format";
import { chosen, isLink, mergedNews, type NewsFilter } from "../../moods";
import type { NewsItem } from "../../protocol";
import { base } from "../../spans";
import { news, symbols } from "../../store";
import { Age } from "../../ui/age";
import { Change } from "../../ui/badge";
import { Select } from "../../ui/field";
import { Empty, Panel } from "../../ui/panel";
import { VirtualList } from "../../ui/virtual";

const narrow = window.matchMedia("(max-width: 760px)");

function Headline({ story }: { story: NewsItem }) {
  if (!isLink(story.url)) return <span class="headline">{story.title}</span>;
  return (
    <a class="headline" href={story.url} target="_blank" rel="noopener noreferrer" title={story.summary}>
      {story.title}
    </a>
  );
}

/** Stories, newest first. */
export function NewsFeed({ loaded, filter, onFilter }: { loaded: readonly NewsItem[]; filter: NewsFilter; onFilter: (change: Partial<NewsFilter>) => void }) {
  const [phone, setPhone] = useState(narrow.matches);
  useEffect(() => {
    const told = () => setPhone(narrow.matches);
    narrow.addEventListener("change", told);
    return () => narrow.removeEventListener("change", told);
  }, []);
  const all = mergedNews(news.value, loaded);
  const stories = chosen(all, filter);
  const any = (text: string) => ({ value: "", text });
  return (
    <Panel title="News" id="news" flush aside={<small id="story-count">{`${stories.length} of ${all.length} stories`}</small>}>
      <div class="narrowing">
        <Select
          bare
          label="Pair"
          id="news-pair"
          value={filter.symbol}
          options={[any("All pairs"), ...symbols.value.map((one) => ({ value: one, text: base(one) }))]}
          onChange={(symbol) => onFilter({ symbol })}
        />
        <Select
          bare
          label="Mood"
          id="news-mood"
          value={filter.label}
          options={[any("Any mood"), "bullish", "neutral", "bearish"]}
          onChange={(label) => onFilter({ label })}
        />
        <input
          type="search"
          aria-label="Find a story"
          placeholder="Find a story or source"
          value={filter.text}
          onInput={(event) => onFilter({ text: event.currentTarget.value })}
        />
      </div>
      {stories.length === 0 ? (
        <Empty>{all.length === 0 ? "No story yet." : "No story fits."}</Empty>
      ) : (
        <VirtualList
          id="news-list"
          label="Stories, newest first"
          items={stories}
          itemKey={(one) => one.id}
          rowHeight={phone ? 78 : 52}
          height="max(24rem, calc(100dvh - 13rem))"
          render={(one) => <Story story={one} />}
        />
      )}
    </Panel>
  );
}

function Story({ story }: { story: NewsItem }) {
  return (
    <>
      <Headline story={story} />
      <span class="line meta">
        <Age at={story.timestamp} after=" ago" />
        <span>{story.source}</span>
        <span class="pairs-of">{story.symbols.map(base).join(" ")}</span>
        <span class="mood">
          {story.label} <Change value={story.sentiment} text={show.signed(story.sentiment)} />
        </span>
      </span>
    </>
  );
}
