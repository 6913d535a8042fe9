// The traveller's receipt over the officer's page: read, turned to the traveller, or printed. It closes when the
// next traveller stands there.

import { deliver } from "./send.js";

const ANSWER_MS = 5000;
const PRINT_MS = 30_000; // a roll may have to be loaded

const dialog = document.getElementById("receipt");
const page = document.getElementById("receipt-page");
const said = document.getElementById("receipt-said");

let now = null; // the reference of the receipt that can be shown
let opened = null;
let shown = ""; // the language in which it is read now

/** The receipt that there is now, null for none: one that is open for another traveller closes. */
export function offerReceipt(reference) {
  now = reference;
  if (dialog.open && opened !== now) dialog.close();
}

function say(words) {
  said.textContent = words;
  said.hidden = !words;
}

async function show(language) {
  shown = language ?? "";
  const address = language ? `/receipt?language=${language}` : "/receipt";
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
    page.innerHTML = await answer.text(); // rendered by the box; the CSP allows no script in it
  } catch {
    page.textContent = page.dataset.failed;
  }
  page.focus();
}

function open() {
  if (dialog.open || document.querySelector("dialog[open]")) return;
  opened = now;
  dialog.showModal();
  show();
}

async function showTraveller() {
  const answer = await deliver("/receipt/show", { reference: opened ?? "" }, ANSWER_MS).catch(() => null);
  if (!answer) page.textContent = page.dataset.failed;
}

/** On the box's own receipt printer; where there is none the browser prints. */
async function print() {
  const reference = opened;
  const message = { reference: reference ?? "", language: shown };
  const answer = await deliver("/receipt/print", message, PRINT_MS).catch(() => null);
  if (!dialog.open || opened !== reference) return;
  if (answer?.status === 404) window.print();
  else say(answer && (answer.ok || answer.status === 503) ? await answer.text() : page.dataset.failed);
}

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.language) show(button.dataset.language);
  else if (button?.dataset.receipt === "show") showTraveller();
  else if (button?.dataset.receipt === "print") print();
  else if (button?.dataset.receipt === "close") dialog.close();
});
dialog.addEventListener("close", () => {
  page.replaceChildren(); // nothing of a traveller stays behind
  say("");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "F6") return;
  event.preventDefault();
  open();
});
