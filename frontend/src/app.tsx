import { Analysts, AnalysisLog } from "./parts/analysis";
import { Bots } from "./parts/bots";
import { Chart } from "./parts/chart";
import { Decisions, TradeLog } from "./parts/decisions";
import { Header, Notice } from "./parts/header";
import { News } from "./parts/news";
import { Orders, Positions } from "./parts/positions";
import { Pairs } from "./parts/pairs";
import { Ticket } from "./parts/ticket";
import { trusted } from "./store";

export function App() {
  return (
    <>
      <Header />
      <main class={trusted.value ? "" : "doubtful"}>
        <Pairs />
        <div class="desk">
          <div class="wide">
            <Chart />
            <Positions />
            <Orders />
            <Decisions />
            <AnalysisLog />
          </div>
          <div class="side">
            <Bots />
            <Ticket />
            <Analysts />
            <TradeLog />
            <News />
          </div>
        </div>
      </main>
      <Notice />
    </>
  );
}
