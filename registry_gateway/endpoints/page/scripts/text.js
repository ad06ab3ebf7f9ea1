// Words, times and elements. Data of services is inserted as text, never as markup.

/** @type {[string, number][]} */
const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

/** A length of time in its largest unit and the next smaller one: "3h 20m". */
export function span(seconds) {
  let left = Math.max(0, Math.floor(seconds));
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || parts.length || unit === "s") parts.push(count + unit);
  }
  return parts.slice(0, 2).join(" ");
}

/** A time (seconds since the epoch) in the reader's time zone. */
export function moment(at) {
  return new Date(at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function clockTime(at) {
  return new Date(at * 1000).toLocaleTimeString();
}

/** A time of day, or the day if it is not within the last 20 hours. */
export function shortTime(at, reference = Date.now() / 1000) {
  const date = new Date(at * 1000);
  if (Math.abs(reference - at) < 72_000) return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

export function plural(count, one, many) {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** An element with properties and children; a child that is no node becomes text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A time element that `tick` updates with the time since, or until, `at`. */
export function ticking(at, words = (seconds) => `${span(seconds)} ago`) {
  const time = make("time", { dateTime: new Date(at * 1000).toISOString(), title: moment(at) });
  time.at = at;
  time.words = words;
  return time;
}

export function tick(now, within = document) {
  for (const time of within.querySelectorAll("time")) {
    if (time.words === undefined) continue;
    const text = time.words(now - time.at);
    if (time.textContent !== text) time.textContent = text;
  }
  for (const bar of within.querySelectorAll(".bar")) {
    if (!bar.at) continue;
    const left = `${Math.max(0, Math.min(100, Math.round((100 * (bar.at - now)) / bar.ttl)))}%`;
    if (bar.firstChild.style.width !== left) bar.firstChild.style.width = left;
  }
}

/** A lease as a bar that runs down until `at`, the end of a lease of `ttl` seconds. `tick` keeps it up to date. */
export function leaseBar(at, ttl, status) {
  const bar = make("span", { className: `bar is-${status}`, ariaHidden: "true" }, make("span"));
  bar.at = at;
  bar.ttl = ttl;
  return bar;
}

/** A status: a shape, a word and a colour. */
export function badge(status, word = status) {
  return make("span", { className: `badge is-${status}` }, word);
}

/** An address: a link if it is one to http or https, else text. */
export function address(text) {
  if (!text) return null;
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) {
    return make("a", { href: text, rel: "noopener noreferrer nofollow", target: "_blank" }, text);
  }
  return document.createTextNode(text);
}

const WORDS = {
  expired: "lease expired",
  version_changed: "new version",
  purged: "removed after the retention",
};

/** What happened, in words. */
export function happened(kind) {
  return WORDS[kind] ?? kind.replaceAll("_", " ");
}

/** The details of an event: `name: old → new` for what has changed, else `name: value`. */
export function details(detail) {
  const words = [];
  for (const [name, value] of Object.entries(detail ?? {})) {
    if (name === "old" || name.startsWith("old_")) {
      const what = name.slice(4).replaceAll("_", " ") || "version";
      words.push(`${what}: ${value ?? "none"} → ${detail["new" + name.slice(3)] ?? "none"}`);
    } else if (value !== null && name !== "new" && !name.startsWith("new_")) {
      const shown = /_(at|seen)$/.test(name) && typeof value === "number" ? moment(value) : value;
      words.push(`${name.replaceAll("_", " ")}: ${shown}`);
    }
  }
  return words.join(", ");
}
