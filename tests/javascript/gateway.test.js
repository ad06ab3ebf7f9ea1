import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { open, script } from "./place.js";

const seen = [];
let answer = {};
const server = createServer((request, response) => {
  seen.push({ url: request.url, ...request.headers });
  response.writeHead(answer.status ?? 200, { "Content-Type": "application/json", ...answer.headers });
  response.end(answer.body ?? "{}");
});
let gateway;

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  document.documentElement.dataset.root = `http://127.0.0.1:${server.address().port}`;
  gateway = await script("gateway");
});
after(() => server.close());
beforeEach(() => {
  seen.length = 0;
  answer = {};
  gateway.token.set(null);
});

test("a key is part of a path with its slashes, unless browsers would change it", () => {
  const paths = {
    "my model": "/services/chap/my%20model",
    "web/01": "/services/chap/web/01",
    "a//b": "/services/chap/a%2F%2Fb",
    "a/../b": "/services/chap/a%2F..%2Fb",
    "a?b#c": "/services/chap/a%3Fb%23c",
  };
  for (const [key, path] of Object.entries(paths)) {
    assert.equal(gateway.servicePath("chap", key), path);
    open(path);
    assert.deepEqual(gateway.addressed(), { dialect: "chap", key });
  }
  assert.deepEqual(["", ".", ".."].map((key) => gateway.servicePath("chap", key)), [null, null, null]);
});

test("what is not UTF-8 in the address stays as it stands there", () => {
  open("/services/chap/%ff");
  assert.deepEqual(gateway.addressed(), { dialect: "chap", key: "%ff" });
});

test("the token is sent, where there is one", async () => {
  await gateway.ask("/x");
  gateway.token.set("rgw_1_a");
  await gateway.ask("/x");
  assert.deepEqual(seen.map((request) => request.authorization), [undefined, "Bearer rgw_1_a"]);
});

test("a refusal is a problem with its status and the gateway's words", async () => {
  answer = { status: 409, body: '{"detail":"It has subscribers","code":"subscribed","parameter":"key"}' };
  await assert.rejects(gateway.ask("/x"), { status: 409, message: "It has subscribers", code: "subscribed", parameter: "key" });
  answer = { status: 502, body: "<html>" };
  await assert.rejects(gateway.ask("/x"), { status: 502, message: "The gateway answered 502" });
});

test("what has not changed is not read again, but with another token it is", async () => {
  const read = gateway.reader();
  answer = { headers: { ETag: '"1"' }, body: '{"n":1}' };
  assert.deepEqual(await read("/a"), { n: 1 });
  answer = { status: 304 };
  assert.deepEqual(await read("/a"), { n: 1 });
  assert.equal(seen.at(-1)["if-none-match"], '"1"');
  answer = { body: '{"n":2}' };
  gateway.token.set("rgw_1_a");
  assert.deepEqual(await read("/a"), { n: 2 });
  assert.equal(seen.at(-1)["if-none-match"], undefined);
});

test("why the gateway is not ready is told in its words", async () => {
  answer = { status: 503, body: '{"reason":"the disk is full"}' };
  assert.equal(await gateway.unready(undefined), "the disk is full");
  answer = {};
  assert.equal(await gateway.unready(undefined), null);
});

test("the clock is the gateway's where it differs from the reader's", async () => {
  answer = { headers: { Date: new Date(Date.now() + 3_600_000).toUTCString() } };
  await gateway.ask("/x");
  assert.ok(Math.abs(gateway.now() - Date.now() / 1000 - 3600) < 2);
  answer = { headers: { Date: new Date().toUTCString() } };
  await gateway.ask("/x");
  assert.ok(Math.abs(gateway.now() - Date.now() / 1000) < 0.1);
});
