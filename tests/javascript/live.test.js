import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "./place.js";

const { messages } = await script("live");

async function read(...chunks) {
  const encoded = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? encoded.encode(chunk) : chunk);
      controller.close();
    },
  });
  const found = [];
  for await (const message of messages(body)) found.push(message);
  return found;
}

const CHANGE = { event: "change", id: "7", data: '{"name":"Größe"}' };

test("messages are read however the stream is cut", async () => {
  const bytes = new TextEncoder().encode('event: ready\nid: 6\ndata:\n\nevent: change\nid: 7\ndata: {"name":"Größe"}\n\n');
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const [ready, change, ...more] = await read(bytes.slice(0, cut), bytes.slice(cut));
    assert.deepEqual([ready, change, more], [{ event: "ready", id: "6", data: "" }, CHANGE, []], `cut at ${cut}`);
  }
});

test("a message that is not finished is none", async () => {
  assert.deepEqual(await read("event: change\nid: 7\ndata: 1\n"), []);
});

test("comments say nothing, lines of data are joined, and other line ends will do", async () => {
  const [comment, joined] = await read(": still here\r\n\r\ndata: a\r\ndata: b\r\nretry: 5\r\n\r\n");
  assert.deepEqual(comment, { event: "message", id: null, data: "" });
  assert.deepEqual(joined, { event: "message", id: null, data: "a\nb" });
});
