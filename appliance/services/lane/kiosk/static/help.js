// Help over the page: the screen behind goes on, and no key in here reaches its button. The box renders every
// page; a link opens in the same place, and Backspace goes back.

const ANSWER_MS = 5000;

const dialog = document.getElementById("help");
const page = document.getElementById("help-page");
const moved = document.getElementById("help-moved");
const back = dialog.querySelector("[data-help=back]");

let now = "lost"; // the screen behind
let opened = null; // the screen for which help was opened
let read = []; // addresses, the one that is open last
let asked = 0;
const kept = {}; // what must be there when the box is not

/** The screen that the page shows now. */
export function offerHelp(screen) {
  now = screen;
  moved.hidden = !dialog.open || opened === now;
}

async function text(address) {
  if (kept[address]) return kept[address];
  const answer = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
  return answer.text(); // also of a refusal: a sentence
}

async function turnTo(address, { again = false } = {}) {
  const [path, anchor] = address.split("#");
  const mine = ++asked;
  let html;
  try {
    html = await text(path);
  } catch {
    html = page.dataset.failed;
  }
  if (mine !== asked) return;
  if (!again && read.at(-1) !== address) read.push(address);
  back.disabled = read.length < 2;
  page.innerHTML = html; // rendered by the box; the CSP allows no script in it
  page.scrollTop = 0;
  if (anchor) document.getElementById(decodeURIComponent(anchor))?.scrollIntoView();
  page.focus();
}

function goBack() {
  if (read.length < 2) return;
  read.pop();
  turnTo(read.at(-1), { again: true });
}

function open() {
  if (!dialog.open) {
    opened = [...document.querySelectorAll("dialog[open]")].at(-1)?.id ?? now;
    read = [];
    dialog.showModal();
  }
  moved.hidden = true;
  turnTo(`/help/${opened}`);
}

const doing = {
  screen: () => {
    opened = now;
    moved.hidden = true;
    turnTo(`/help/${now}`);
  },
  manual: () => turnTo("/manual"),
  back: goBack,
  close: () => dialog.close(),
};

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-help]");
  if (button) doing[button.dataset.help]();
  const link = event.target.closest("a[href]");
  if (!link) return;
  event.preventDefault();
  const address = link.getAttribute("href");
  if (address.startsWith("#")) document.getElementById(decodeURIComponent(address.slice(1)))?.scrollIntoView();
  else turnTo(address);
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "Backspace") goBack();
});
dialog.addEventListener("close", () => page.replaceChildren());
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-open=help]")) open();
});
document.addEventListener("keydown", (event) => {
  const asks = event.key === "F1" || (event.key === "?" && !event.target.closest("input, textarea, select"));
  if (!asks) return;
  event.preventDefault();
  if (!event.repeat) open();
});

text("/help/lost").then((html) => (kept["/help/lost"] = html), () => {});
