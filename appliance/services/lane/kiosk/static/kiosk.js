// The officer's page: it shows what /events sends, and turns the space bar or a finger into the
// box's one button. It decides nothing, and it never shows as live what is no longer live.

import { offerNotes } from "./asked.js";
import "./company.js";
import { offerDuty } from "./duty.js";
import { offerHelp } from "./help.js";
import { follow } from "./live.js";
import { offerLooks } from "./looks.js";
import { offerPaper } from "./paper.js";
import { offerReceipt } from "./receipt.js";
import { send } from "./send.js";
import { offerTyping } from "./typing.js";

const HOLD_MS = 1500; // as long as the button on the panel
const TOAST_MS = 4000;
const ANSWER_MS = 5000; // a press that is not answered by then is called failed

const body = document.body;
const button = document.getElementById("button");
const toast = document.getElementById("toast");
const regions = [...document.querySelectorAll("[data-region]")];

let now = null; // the event on the screen; null while there is no connection
let shown = {}; // each region's HTML as it stands
let held = null; // the press that is under way: what was on the screen, and its timer
let asking = false; // a press is on its way to the box

// What the box says

function show(update) {
  if (update.version !== body.dataset.version) {
    location.reload();
    return;
  }
  now = update;
  for (const region of regions) {
    const html = update.regions[region.dataset.region];
    if (shown[region.dataset.region] === html) continue; // untouched: pictures do not flicker
    shown[region.dataset.region] = html;
    fill(region, html);
  }
  body.dataset.phase = update.phase;
  body.dataset.revision = update.revision;
  body.dataset.press = update.press ?? "";
  body.dataset.hold = update.hold ?? "";
  body.dataset.recommendation = update.recommendation ?? "";
  offerTyping(update.typing);
  offerDuty(update);
  offerNotes(update.asked, update.group);
  offerHelp(update.help);
  offerReceipt(update.receipt);
  offerPaper(update.phase === "idle");
  body.classList.add("met");
  button.disabled = !update.press && !update.hold;
}

// The keyboard's place survives: a clock that ticks in the same region takes it from nobody.
function fill(region, html) {
  const stops = () => [...region.querySelectorAll("a, button")];
  const place = stops().indexOf(document.activeElement);
  region.innerHTML = html; // rendered by the box with every value escaped; the CSP allows no script in it
  if (place >= 0) stops()[place]?.focus();
}

function lose() {
  letGo();
  now = null;
  shown = {};
  for (const region of regions) region.replaceChildren();
  offerTyping(null);
  offerDuty(null);
  offerNotes(null, null);
  offerHelp("lost");
  offerReceipt(null);
  offerPaper(false);
  body.dataset.phase = "lost";
  delete body.dataset.recommendation;
  button.disabled = true;
}

// The button

function pushDown() {
  if (held || asking || !now) return;
  const { revision, press, hold } = now; // what the officer saw when the finger went down
  held = { revision, press, hold, timer: setTimeout(() => finish("hold"), HOLD_MS) };
  button.classList.add("down");
  if (hold) button.classList.add("holding");
}

function letGo() {
  if (!held) return;
  clearTimeout(held.timer);
  held = null;
  button.classList.remove("down", "holding");
}

function finish(event) {
  if (!held) return;
  const seen = held;
  letGo();
  if (seen[event]) press(event, seen.revision); // the box refuses it when the screen has changed since
}

async function press(event, revision) {
  asking = true;
  try {
    if (!(await send("/press", { event, revision }, ANSWER_MS)).taken) say(toast.dataset.refused);
  } catch {
    say(toast.dataset.failed);
  } finally {
    asking = false;
  }
}

function say(sentence) {
  toast.textContent = sentence;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (toast.hidden = true), TOAST_MS);
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("dialog")) return; // there it is a space
  if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  if (event.repeat) return;
  pushDown();
  if (event.shiftKey) finish("hold"); // for who cannot hold a key down so long
});
document.addEventListener("keyup", (event) => {
  if (event.code !== "Space" || event.target.closest("dialog")) return;
  event.preventDefault();
  finish("press");
});
button.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault(); // no focus: the space bar must not press it twice
  pushDown();
});
button.addEventListener("pointerup", () => finish("press"));
button.addEventListener("click", (event) => {
  if (event.detail > 0) return; // a finger or a mouse: answered above
  pushDown(); // Enter, or a screen reader
  finish("press");
});
button.addEventListener("pointerleave", letGo);
button.addEventListener("pointercancel", letGo);
button.addEventListener("contextmenu", (event) => event.preventDefault());
window.addEventListener("blur", letGo);

document.documentElement.style.setProperty("--hold", `${HOLD_MS}ms`);
offerLooks();
follow("/events", "view", show, lose);
