"""What a page can look wrong by, found by script in the browser."""

# What does not fit: elements that would scroll, text cut by its box, boxes outside the screen.
MISFITS = """
const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 1;
const name = (e) => `${e.tagName}.${e.className} "${(e.innerText ?? "").slice(0, 30)}"`;
const root = document.documentElement;
const found = [];
if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) found.push("the page scrolls");
const boxes = "header, footer, section, button, figure, li, h1, h2, h3, dd, dt, p, code, .banner, .press,"
  + " .network, .list, .device, .device .glyph, .clock, .languages";
for (const e of document.querySelectorAll(boxes)) {
  if (!seen(e)) continue;
  const note = e.matches("dd") && e.querySelector(".note"); // a state's long name may be cut: its code is not
  const cut = e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 2;
  const device = e.matches(".device"); // its word may be cut, its picture is not
  if (cut && !note && !device && e.clientWidth > 0)
    found.push("cut: " + name(e));
  const r = e.getBoundingClientRect();
  if (r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1)
    found.push("outside: " + name(e));
}
return found;
"""

# The WCAG 2 contrast of every visible text with what lies behind it, where it is below AA.
FAINT = """
const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3])).concat(1);
const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05); };
const behind = (e) => { // every colour that may lie behind: a gradient has several, a photo may be white
  let layers = [];
  for (; e; e = e.parentElement) {
    const style = getComputedStyle(e);
    if (style.backgroundImage !== "none")
      return style.backgroundImage.match(/rgba?\\([^)]*\\)/g)
        .map((c) => layers.reduceRight((b, l) => over(l, b), parse(c)));
    const colour = parse(style.backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] === 1) break;
  }
  return [layers.reduceRight((b, l) => over(l, b), [255, 255, 255, 1])];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = []; let looked = 0;
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
  if (!text || !e.checkVisibility() || e.closest("svg") || e.getBoundingClientRect().width <= 1) continue;
  looked++;
  const style = getComputedStyle(e), size = parseFloat(style.fontSize);
  const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
  for (const ground of behind(e)) {
    const got = ratio(over(parse(style.color), ground), ground);
    if (got < needed) found.push(`${got.toFixed(2)} "${text}" ${style.color} on ${ground}`);
  }
}
return [looked, found];
"""
