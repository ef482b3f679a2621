import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Alerts, Banner, Header, Notice } from "./parts/header";
import { Navigation } from "./parts/navigation";
import { BotsPage } from "./pages/bots";
import { DeskPage } from "./pages/desk";
import { NewsPage } from "./pages/news";
import { QuorumPage } from "./pages/quorum";
import { ResultsPage } from "./pages/results";
import { SystemPage } from "./pages/system";
import { WhyPage } from "./pages/why";
import { type PageName, place, TITLES } from "./routes";
import { trusted } from "./store";

const CONTENT: Record<PageName, ComponentType> = {
  desk: DeskPage,
  quorum: QuorumPage,
  why: WhyPage,
  bots: BotsPage,
  results: ResultsPage,
  news: NewsPage,
  system: SystemPage,
};

export function App() {
  const { page } = place.value;
  const Content = CONTENT[page];
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${TITLES[page]} – Quorum`;
    if (!first.current) main.current?.focus({ preventScroll: true }); // a screen reader begins where the page begins
    first.current = false;
    window.scrollTo(0, 0);
  }, [page]);
  return (
    <div class="shell">
      <a class="skip" href="#page" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the page
      </a>
      <Navigation />
      <div class="frame">
        <Banner />
        <Header />
        <Alerts />
        <main id="page" ref={main} tabIndex={-1} class={trusted.value ? "page" : "page doubtful"} aria-label={TITLES[page]}>
          <Content />
        </main>
      </div>
      <Notice />
    </div>
  );
}
