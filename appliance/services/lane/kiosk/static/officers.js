// Who works here: a list to choose from, and one key an act. Each act is a form with the supervisor's PIN, which the box
// judges; when somebody comes to the lane the page goes back to it. Nothing of a PIN stays.

import { offerHelp } from "./help.js";
import { follow } from "./live.js";
import { offerLooks } from "./looks.js";
import { send } from "./send.js";

const ANSWER_MS = 30000; // a PIN takes its time on a small board, and a card is waited for

const body = document.body;
const said = document.getElementById("said");
const now = document.getElementById("now");
const list = document.getElementById("list");
const dialog = document.getElementById("naming");
const form = dialog.querySelector("form");
const failed = dialog.querySelector(".typing-failed");
const acts = [...document.querySelectorAll("[data-act]")];

let shown = "";
let roles = {};
let chosen = "";
let what = "";

function told(update) {
  if (update.version !== body.dataset.version) {
    location.reload();
    return;
  }
  if (update.ended) {
    location.replace("/");
    return;
  }
  if (said.dataset.silent !== undefined) say("");
  roles = update.roles;
  now.textContent = update.now;
  body.dataset.waiting = update.waiting;
  if (shown !== update.list) fill(update.list);
  if (body.dataset.ready === undefined) focusOn(chosen || update.names[0]);
  body.dataset.ready = ""; // from here on keys are answered
}

function fill(html) {
  const focused = list.contains(document.activeElement);
  shown = html;
  list.innerHTML = html; // rendered by the box with every value escaped; the CSP allows no script in it
  if (!(chosen in roles)) chosen = "";
  const radio = of(chosen);
  if (radio) radio.checked = true;
  if (focused) (radio ?? list.querySelector("input"))?.focus();
}

function of(name) {
  return [...list.querySelectorAll("[name=person]")].find((one) => one.value === name);
}

function focusOn(name) {
  const radio = of(name);
  if (!radio) return;
  chosen = name;
  radio.checked = true;
  radio.focus();
}

function lose() {
  shown = "";
  list.replaceChildren();
  if (dialog.open) dialog.close();
  say(said.dataset.lost);
  said.dataset.silent = "";
  delete body.dataset.ready;
}

function say(sentence) {
  said.textContent = sentence;
  delete said.dataset.silent;
}

async function post(path, message) {
  try {
    return await send(path, message, ANSWER_MS);
  } catch {
    return { taken: false, sentence: said.dataset.failed };
  }
}

function begin(act) {
  say("");
  if (act !== "add" && !chosen) {
    say(said.dataset.choose);
    return;
  }
  what = act;
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(act);
  document.getElementById("naming-title").textContent = acts.find((one) => one.dataset.act === act).lastChild.textContent.trim();
  document.getElementById("about").textContent = chosen;
  const has = act === "roles" ? (roles[chosen] ?? []) : [];
  for (const box of form.querySelectorAll("[name=roles]")) box.checked = has.includes(box.value);
  dialog.showModal();
  [...form.querySelectorAll("input")].find((one) => one.checkVisibility())?.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (dialog.dataset.sent) return; // a card is waited for
  dialog.dataset.sent = "yes";
  failed.hidden = true;
  const typed = new FormData(form);
  const name = what === "add" ? typed.get("name") : chosen;
  const message = { what, name, own_pin: typed.get("own_pin") };
  if (what === "add" || what === "roles") message.roles = typed.getAll("roles");
  if (what === "add" || what === "pin") Object.assign(message, { pin: typed.get("pin"), again: typed.get("again") });
  const answer = await post("/officers/act", message);
  delete dialog.dataset.sent;
  form.elements.own_pin.value = "";
  if (answer.taken) {
    if (what === "add") chosen = name.trim().replace(/\s+/g, " ");
    dialog.close();
    return;
  }
  failed.textContent = answer.sentence;
  failed.hidden = false;
  form.elements.own_pin.focus();
});
dialog.addEventListener("close", () => {
  form.reset();
  failed.hidden = true;
  of(chosen)?.focus();
});
dialog.querySelector("[data-do=cancel]").addEventListener("click", () => dialog.close());

async function leave(event) {
  event.preventDefault();
  await post("/officers/leave", {});
  location.replace("/");
}

list.addEventListener("change", (event) => {
  chosen = event.target.value;
});
document.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act) begin(act);
});
document.getElementById("back").addEventListener("click", leave);
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key === "Escape") leave(event);
  else if (acts[Number(event.key) - 1] && body.dataset.ready !== undefined) {
    event.preventDefault();
    begin(acts[Number(event.key) - 1].dataset.act);
  }
});

offerHelp("officers");
offerLooks();
follow("/officers/events", "officers", told, lose);
