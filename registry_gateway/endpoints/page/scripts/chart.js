// The chart of the last day as SVG: live services as an area, lapses as bars.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 46;

function draw(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The points of the line of live services, in runs without a gap: [[x, y], …] each. */
export function runs(live, most) {
  const found = [];
  let run = [];
  live.forEach((count, index) => {
    if (count === null) {
      run = [];
      return;
    }
    if (run.length === 0) found.push(run);
    run.push([round((index * WIDTH) / Math.max(1, live.length - 1)), round(HEIGHT - 2 - (count / most) * (HEIGHT - 6))]);
  });
  return found;
}

function round(number) {
  return Math.round(number * 10) / 10;
}

/** What the chart shows, in words. */
export function described({ live, expired }) {
  const known = live.filter((count) => count !== null);
  const lapses = expired.reduce((all, one) => all + one, 0);
  if (known.length === 0) return `${lapses.toLocaleString()} lapses within the last day`;
  const [least, most, last] = [Math.min(...known), Math.max(...known), known.at(-1)].map((number) => number.toLocaleString());
  return `Live services over the last day: ${least} to ${most}, now ${last}. ${lapses.toLocaleString()} lapses.`;
}

/** The chart. */
export function chart(day) {
  const { live, expired, since, interval } = day;
  const most = Math.max(1, ...live.filter((count) => count !== null));
  const lapsed = Math.max(1, ...expired);
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": described(day), class: "chart" });
  for (const run of runs(live, most)) {
    const line = run.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
    svg.append(draw("path", { class: "area", d: `${line}L${run.at(-1)[0]} ${HEIGHT}L${run[0][0]} ${HEIGHT}Z` }), draw("path", { class: "line", d: line }));
  }
  const step = WIDTH / Math.max(1, expired.length);
  expired.forEach((count, index) => {
    if (!count) return;
    const height = round(3 + (count / lapsed) * (HEIGHT - 8));
    const time = new Date((since + index * interval) * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const title = draw("title", {}, `${count.toLocaleString()} lapses from ${time} on`);
    svg.append(draw("rect", { class: "lapses", x: round(index * step), y: HEIGHT - height, width: Math.max(3, round(step)), height }, title));
  });
  return svg;
}
