/** The hub's messages as this page uses them: `messages.ts` is made from the hub's own types. */

import type {
  AnalysisLogView,
  AnalysisStatusView,
  AnalystView,
  ActorView,
  AlertView,
  BalanceView,
  BotStatusView,
  DecisionView,
  FearGreedView,
  HealthView,
  InitialView,
  InsightsView,
  MarketStatusView,
  NewsItemView,
  OpinionView,
  OrderView,
  PendingTradeView,
  PositionView,
  PriceView,
  SettingsReloadedView,
  SignalView,
  SourceView,
  TradeLogView,
  TradeView,
} from "./messages";

export type Price = PriceView;

/** t_ms, open, high, low, close, volume */
export type CandleRow = [number, number, number, number, number, number];

export type Position = PositionView;
export type Trade = TradeView;
export type Order = OrderView;
export type Balance = BalanceView;
export type BotStatus = BotStatusView;
export type AnalysisStatus = AnalysisStatusView;
export type Analyst = AnalystView;
export type AnalysisLine = AnalysisLogView;
export type TradeLine = TradeLogView;
export type Decision = DecisionView;
export type NewsItem = NewsItemView;
export type FearGreed = FearGreedView;
export type Alert = AlertView;
export type Source = SourceView;
export type MarketStatus = MarketStatusView;
export type Pending = PendingTradeView;
export type Health = HealthView;
export type Actor = ActorView;
export type Insights = InsightsView;
export type Opinion = OpinionView;
export type Signal = SignalView;
export type Reloaded = SettingsReloadedView;
export type Role = string; // operator or viewer
export type InitialData = InitialView;

export interface Frame {
  type: string;
  data?: unknown;
  request_id?: string;
  warnings?: string[];
  ledger_seq?: number;
}
