import assert from "node:assert/strict";
import { test } from "node:test";
import { open, script } from "./place.js";

const { asked, askedStats, askedStream, filtering, filters, parameters } = await script("filters");

test("the filters are those of the address", () => {
  open("/", "?q=mal&status=up,down&status=gone&tool=rotate&sort=-name&other=1");
  const found = filters();
  assert.equal(found.q, "mal");
  assert.equal(found.tool, "rotate");
  assert.deepEqual(found.status, ["up", "down", "gone"]);
  assert.deepEqual(found.dialect, []);
  assert.equal(found.sort, "-name");
});

test("as parameters they say nothing that goes without saying", () => {
  open("/");
  assert.equal(`${parameters(filters())}`, "");
  open("/", "?dialect=chap&dialect=runspec&name=a%20b&sort=urgency&q=");
  assert.equal(`${parameters(filters())}`, "name=a+b&dialect=chap%2Crunspec");
});

test("an order filters nothing out", () => {
  open("/", "?sort=-last_seen");
  assert.equal(filtering(), false);
  open("/", "?host=web");
  assert.equal(filtering(), true);
});

test("the catalogue is asked for parts, unless whole values are wanted", () => {
  open("/", "?tool=rot&status=up&dialect=chap");
  assert.equal(`${asked()}`, "tool=rot&status=up&dialect=chap&match=contains&sort=urgency");
  assert.equal(`${askedStats()}`, "tool=rot&match=contains");
  open("/", "?tool=rot&match=exact&q=x");
  assert.equal(`${asked()}`, "q=x&tool=rot&match=exact&sort=urgency");
  assert.equal(`${askedStream()}`, "tool=rot&match=exact");
  open("/", "?status=gone");
  assert.equal(`${asked()}`, "status=gone&sort=-ended_at");
  open("/", "?status=gone&sort=name");
  assert.equal(`${asked()}`, "status=gone&sort=name");
  open("/", "?q=x");
  assert.equal(`${asked()}`, "q=x&sort=urgency");
});
