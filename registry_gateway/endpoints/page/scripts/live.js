// Live updates: the catalogue's stream of events, or without it a request every few seconds.

import { ask, now, Problem, unready } from "./gateway.js";
import { clockTime } from "./text.js";

const AGES = 15_000; // between two requests for heartbeats, which are not events
const POLLING = 10_000; // between two requests while there is no stream
const STREAM_TIMEOUT = 40_000; // without even a comment: the connection counts as dead
const STREAM = { Accept: "text/event-stream" };
const SETTLING = 300; // changes come in groups; one request covers them
const STORM = 1000; // between two requests while changes keep coming

/**
 * Keeps a view up to date while it is visible.
 *
 * `query` returns the filters of the stream, as text. `look(light)` fetches what is shown; light: only what heartbeats
 * change. `changed(event, service)` is called for each change, `refused(problem)` for a refusal (4xx), which stops updates
 * until `restart`, and `trouble(problem)` for any other problem, with null when it is over.
 */
export class Live {
  constructor({ query, look, changed, refused, trouble }) {
    this.query = query;
    this.look = look;
    this.changed = changed;
    this.refused = refused;
    this.trouble = trouble;
    this.shown = document.getElementById("connection");
    this.turn = 0; // of several runs, only the last one started goes on
    this.state = "";
    this.streaming = false;
    /** @type {Promise<unknown>} */
    this.queue = Promise.resolve();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.restart()));
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (event) => event.persisted && this.restart());
  }

  stop() {
    this.turn += 1;
    this.controller?.abort();
    clearTimeout(this.timer);
    this.settling = this.streaming = false;
  }

  /** Start, or restart with other filters. Resolves after the first look. */
  async restart() {
    this.stop();
    this.controller = new AbortController();
    this.last = null;
    const turn = this.turn;
    const seen = await this.tryLook(false);
    if (turn !== this.turn || seen === "refused" || document.hidden) return;
    this.schedule(turn);
    this.follow(turn);
  }

  schedule(turn) {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const seen = await this.tryLook(this.streaming);
      if (turn === this.turn && seen !== "refused") this.schedule(turn);
    }, this.streaming ? AGES : POLLING);
  }

  /** Look once, after the looks that wait already, and report the outcome. */
  tryLook(light) {
    const turn = this.turn;
    const looked = this.queue.then(() => (turn === this.turn ? this.lookNow(light, turn) : "stopped"));
    this.queue = looked.catch(() => {});
    return looked;
  }

  async lookNow(light, turn) {
    try {
      await this.look(light, this.controller.signal);
      this.unready = await unready(this.controller.signal);
      if (turn !== this.turn) return "stopped";
      if (this.troubled) this.trouble(null);
      this.troubled = false;
      this.show(this.streaming ? "live" : "polling");
      return "seen";
    } catch (error) {
      if (error.name === "AbortError" || turn !== this.turn) return "stopped";
      if (!(error instanceof Problem)) throw error;
      if (error.status >= 400 && error.status < 500) {
        this.stop();
        this.show(error.status === 401 || error.status === 403 ? "locked" : "refused");
        this.refused(error);
        return "refused";
      }
      this.show("disconnected");
      this.troubled = true;
      this.trouble(error);
      return "failed";
    }
  }

  /** Read the stream, again and again. */
  async follow(turn) {
    for (let failures = 0; turn === this.turn; ) {
      let pause = Math.min(1000 * 2 ** failures, 30_000);
      try {
        this.last ??= await this.end();
        const headers = { ...STREAM, "Last-Event-ID": this.last };
        const response = await ask(`/catalog/v1/events${this.query()}`, { headers, signal: this.controller.signal });
        for await (const message of messages(response.body)) {
          if (turn !== this.turn) return;
          failures = 0;
          this.receive(message, turn);
        }
        pause = 1000; // after a regular end the stream is opened again
      } catch (error) {
        if (turn !== this.turn) return;
        failures += 1;
        if (error.status === 401 || error.status === 403) return; // the next look reports it
        if (error.status === 404 || error.status === 410) this.last = null;
        if (error.status === 404) pause = 60_000; // an older gateway, without the stream
      }
      if (this.streaming) {
        this.streaming = false;
        this.show("polling");
        this.schedule(turn);
        this.soon(turn);
      }
      await sleep(pause);
    }
  }

  /** Where the log ends: a stream that nothing matches begins with that. A snapshot of everything could be large. */
  async end() {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, this.controller.signal]);
    const response = await ask("/catalog/v1/events?dialect=-", { headers: STREAM, signal });
    for await (const message of messages(response.body)) {
      if (message.event !== "ready") continue;
      controller.abort();
      return message.id;
    }
    throw new Problem(0, "The stream ended before its first message");
  }

  receive(message, turn) {
    if (message.id) this.last = message.id;
    if (message.event === "ready") {
      this.streaming = true;
      this.show("live");
      this.schedule(turn);
      this.soon(turn); // what changed between the first look and now
    }
    if (message.event === "change") {
      const { event, service } = JSON.parse(message.data);
      this.changed(event, service);
      this.soon(turn);
    }
  }

  soon(turn) {
    this.due = true;
    if (!this.settling) this.settle(turn);
  }

  async settle(turn) {
    this.settling = true;
    for (let pause = SETTLING; this.due && turn === this.turn; pause = STORM) {
      await sleep(pause);
      this.due = false;
      if (turn === this.turn) await this.tryLook(false);
    }
    if (turn === this.turn) this.settling = false;
  }

  show(state) {
    if (state === "disconnected" && state !== this.state) this.since = now();
    const words = {
      live: "Live",
      polling: `Updated every ${POLLING / 1000} s`,
      disconnected: `Disconnected since ${clockTime(this.since ?? now())}; the view is from that time`,
      refused: "Not updated: the request was refused",
      locked: "Not updated: a token is needed",
    };
    this.state = state;
    const text = this.unready && state !== "disconnected" ? `${words[state]}. Not ready: ${this.unready}` : words[state];
    if (text !== this.shown.textContent) this.shown.textContent = text;
    this.shown.dataset.state = state;
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The messages of a stream of server-sent events: {event, id, data}. */
export async function* messages(body) {
  const chunks = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await withinTimeout(chunks.read());
      if (done) return;
      text += value;
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop();
      yield* blocks.map(parse);
    }
  } finally {
    chunks.cancel().catch(() => {});
  }
}

function parse(block) {
  const message = { event: "message", id: null, data: "" };
  for (const line of block.split(/\r?\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "data") message.data += message.data ? "\n" + value : value;
    else if (field === "event" || field === "id") message[field] = value;
  }
  return message;
}

function withinTimeout(reading) {
  let timer;
  const timeout = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Problem(0, "The stream stopped")), STREAM_TIMEOUT);
  });
  return Promise.race([reading, timeout]).finally(() => clearTimeout(timer));
}
