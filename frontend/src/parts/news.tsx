import * as show from "../format";
import type { NewsItem } from "../protocol";
import { fearGreed, news } from "../store";
import { Empty, Panel } from "../ui/panel";

function Title({ item }: { item: NewsItem }) {
  if (!/^https?:\/\//.test(item.url)) return <>{item.title}</>;
  return (
    <a href={item.url} target="_blank" rel="noopener noreferrer">
      {item.title}
    </a>
  );
}

export function News() {
  const stories = news.value;
  const index = fearGreed.value;
  const mood = index && (
    <span class="badge">
      Fear &amp; Greed {index.value}, {index.label}
    </span>
  );
  return (
    <Panel title="News" id="news" aside={mood}>
      {stories.length === 0 ? (
        <Empty>No story yet.</Empty>
      ) : (
        <ul class="list news">
          {stories.slice(0, 40).map((item) => (
            <li key={item.id}>
              <Title item={item} />
              <small>
                {show.clock(item.timestamp)} {item.source} <span class={show.tone(item.sentiment)}>{item.label}</span>{" "}
                {item.symbols.map((symbol) => symbol.replace(/USDT$/, "")).join(" ")}
              </small>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
