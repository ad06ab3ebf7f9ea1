// The number of services that are down: in the title of the page, and as a mark on its icon.

const icon = document.getElementById("icon");
const plain = icon?.href;
const title = document.title;

/** Show the number of services that are down. */
export function attend(down) {
  document.title = down ? `(${down.toLocaleString()}) ${title}` : title;
  const href = down ? `data:image/svg+xml,${encodeURIComponent(marked(down))}` : plain;
  if (icon.href !== href) icon.href = href;
}

/** The icon as SVG: a red square with the number; above 99 without it, because it would not be readable. */
export function marked(down) {
  const text = down > 99 ? "!" : `${down}`;
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><rect width="20" height="20" rx="4.5" fill="#c02626"/>' +
    `<text x="10" y="15" font-family="sans-serif" font-size="14" font-weight="700" text-anchor="middle" fill="#fff">${text}</text></svg>`
  );
}
