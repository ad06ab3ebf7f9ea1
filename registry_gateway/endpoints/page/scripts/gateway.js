// Requests to the gateway that serves this page: its prefix, its clock, the reader's token, its errors.

export const root = document.documentElement.dataset.root;

const KEPT = "registry-gateway-token";

/** The token that was typed in. It is stored in this tab's sessionStorage only. */
export const token = {
  get: () => sessionStorage.getItem(KEPT),
  set: (text) => (text ? sessionStorage.setItem(KEPT, text) : sessionStorage.removeItem(KEPT)),
};

let ahead = 0; // seconds the gateway's clock is ahead of ours

/** Seconds since the epoch, by the gateway's clock: ages follow the same clock as leases. */
export function now() {
  return Date.now() / 1000 + ahead;
}

function compareClocks(response) {
  const theirs = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return;
  const difference = theirs / 1000 + 0.5 - Date.now() / 1000; // the header has whole seconds
  ahead = Math.abs(difference) < 2 ? 0 : difference;
}

/** An answer that is no success. `status` is 0 if there was no answer at all. */
export class Problem extends Error {
  constructor(status, detail, content = {}) {
    super(detail);
    this.status = status;
    this.code = content.code;
    this.parameter = content.parameter;
  }
}

/** Ask the gateway; `Problem` unless the answer is a success or a 304. */
export async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  let response;
  try {
    response = await fetch(root + path, { cache: "no-store", credentials: "same-origin", ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The gateway can't be reached");
  }
  compareClocks(response);
  if (response.ok || response.status === 304) return response;
  const content = await response.json().catch(() => ({}));
  throw new Problem(response.status, content.detail ?? `The gateway answered ${response.status}`, content);
}

// Whole numbers that a double can't hold stay as they were sent, where the browser can do that.
function exact(_name, value, context) {
  const lossy = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return lossy && context && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

/** Why the gateway is not ready, in its own words; null if it is, or does not say. */
export async function unready(signal) {
  const response = await fetch(`${root}/health/ready`, { cache: "no-store", signal }).catch(() => null);
  if (response?.status !== 503) return null;
  const content = await response.json().catch(() => ({}));
  return content.reason ?? null;
}

/** A reader of one path after another that keeps the last answer: what hasn't changed is not sent again. */
export function reader() {
  let known = null;
  return async (path, signal) => {
    const same = known?.path === path && known.token === token.get();
    const response = await ask(path, { signal, headers: same ? { "If-None-Match": known.etag } : {} });
    if (response.status !== 304) {
      const content = JSON.parse(await response.text(), exact);
      known = { path, token: token.get(), etag: response.headers.get("etag"), content };
    }
    return known.content;
  };
}

/** POST to the administration; what it answers. */
export async function administer(path, body) {
  const headers = { "Content-Type": "application/json" };
  const response = await ask(`/admin/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return (await response.json()).data;
}

const DOTS = new Set(["", ".", ".."]);

/** A key as a part of a path: slashes are not encoded, unless the way through browsers and proxies would change it. */
function inPath(key) {
  const parts = key.split("/");
  return parts.some((part) => DOTS.has(part)) ? encodeURIComponent(key) : parts.map(encodeURIComponent).join("/");
}

/** The path of a service below `/catalog/v1` and `/`; null for a key that no path can hold. */
export function servicePath(dialect, key) {
  return DOTS.has(key) ? null : `/services/${encodeURIComponent(dialect)}/${inPath(key)}`;
}

/** Dialect and key of this page's own address; unchanged, if that is not UTF-8. */
export function addressed() {
  const path = location.pathname.slice(location.pathname.startsWith(root + "/services/") ? root.length : 0);
  const [dialect, ...rest] = path.replace(/^\/services\//, "").split("/");
  const key = rest.join("/");
  try {
    return { dialect: decodeURIComponent(dialect), key: decodeURIComponent(key) };
  } catch {
    return { dialect, key };
  }
}
