/** One WebSocket that comes back by itself, and requests that are answered or time out. */

import type { ClientFields, ClientKind } from "./messages";
import type { Frame } from "./protocol";

export type Link = "connecting" | "open" | "lost";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const ANSWER_MS = 15_000;
const SILENT_MS = 10_000; // without a frame: the desk is asked whether it is still there

export class Refused extends Error {}

interface Waiting {
  resolve: (frame: Frame) => void;
  reject: (error: Error) => void;
  timer: number;
}

export class Connection {
  private socket: WebSocket | null = null;
  heard = 0; // ms: when the last frame came
  private pinged = 0; // ms: when it was last asked whether it is there
  private failures = 0;
  private counter = 0;
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    private readonly url: string,
    private readonly onFrame: (frame: Frame) => void,
    private readonly onLink: (link: Link) => void,
  ) {
    window.setInterval(() => this.watch(), SILENT_MS / 2);
  }

  open(): void {
    this.onLink("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onopen = () => {
      this.heard = Date.now();
      this.onLink("open");
    };
    socket.onclose = () => this.closed(socket);
  }

  /** Send a message; resolve with its answer, reject with the hub's sentence. */
  ask<Kind extends ClientKind>(type: Kind, fields: ClientFields[Kind]): Promise<Frame> {
    const socket = this.socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(new Refused("Not connected."));
    const id = `p${++this.counter}`;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this.fail(id, "The desk did not answer in time."), ANSWER_MS);
      this.waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ type, ...fields, request_id: id }));
    });
  }

  private receive(text: string): void {
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return; // the hub sends JSON only
    }
    this.failures = 0;
    this.heard = Date.now();
    this.onFrame(frame);
    const waiting = frame.request_id ? this.waiting.get(frame.request_id) : undefined;
    if (!waiting || !frame.request_id) return;
    if (frame.type === "error") {
      this.fail(frame.request_id, String((frame.data as { message?: unknown } | undefined)?.message ?? "Refused."));
      return;
    }
    window.clearTimeout(waiting.timer);
    this.waiting.delete(frame.request_id);
    waiting.resolve(frame);
  }

  /** Give up a connection that is open and dead: no browser tells of a cable that was pulled. */
  private watch(): void {
    const socket = this.socket;
    const now = Date.now();
    if (socket?.readyState !== WebSocket.OPEN || now - this.heard < SILENT_MS) return;
    if (this.pinged <= this.heard) {
      this.pinged = now;
      socket.send(JSON.stringify({ type: "ping" }));
    } else if (now - this.pinged > SILENT_MS) {
      socket.onmessage = null;
      socket.close();
      this.closed(socket);
    }
  }

  private fail(id: string, sentence: string): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    window.clearTimeout(waiting.timer);
    this.waiting.delete(id);
    waiting.reject(new Refused(sentence));
  }

  private closed(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.socket = null;
    for (const id of [...this.waiting.keys()]) this.fail(id, "The connection was lost; the outcome is not known yet.");
    this.onLink("lost");
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures++);
    window.setTimeout(() => this.open(), delay * (0.5 + Math.random() / 2));
  }
}
