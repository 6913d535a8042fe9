// The second line's pages: the queue stays fresh, what is looked at in a case is kept as it is typed, and a decision
// goes with a PIN. The box judges all of it; who no longer works here is sent back to the lane.

import { offerHelp } from "./help.js";
import { follow } from "./live.js";
import { send } from "./send.js";

const ANSWER_MS = 30000; // a PIN takes its time on a small board, and a card is waited for
const KEEP_MS = 400; // after the last key, what was typed goes to the box
const QUEUE_MS = 60_000; // waiting times are told anew

const body = document.body;
const work = document.getElementById("work");
const closing = document.getElementById("close");
const saved = document.getElementById("saved");
let keeping = 0;
let deciding = false; // a decision is on its way: its own answer says what comes next

offerHelp(body.dataset.screen);

// The lane goes on meanwhile

function told(update) {
  if (update.version !== body.dataset.version) {
    location.reload(); // the box was updated
    return;
  }
  if (update.second_line === null || update.officer !== body.dataset.officer) {
    location.replace("/");
    return;
  }
  if (deciding || String(update.second_line) === body.dataset.revision) return;
  body.dataset.revision = update.second_line;
  refresh();
}

/** Tell anew what the page shows of the box: the parts marked `data-live`, or those of these ids. */
export async function refresh(ids = [...document.querySelectorAll("[data-live]")].map((part) => part.id)) {
  let page;
  try {
    const response = await fetch(location.href);
    if (!response.ok) throw new Error(response.statusText);
    page = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return; // it is told again
  }
  if (body.dataset.crossing) {
    // Closed elsewhere: here nothing can be decided any more.
    if (!deciding && page.body.dataset.state !== body.dataset.state) location.reload();
    return;
  }
  for (const id of ids) {
    const [old, part] = [document.getElementById(id), page.getElementById(id)];
    if (!part || old.isEqualNode(part)) continue;
    const focused = old.contains(document.activeElement) ? nameOf(document.activeElement) : "";
    const opened = [...old.querySelectorAll("details[open][data-list]")].map((one) => one.dataset.list);
    old.replaceWith(document.adoptNode(part));
    for (const list of opened) part.querySelector(`details[data-list="${CSS.escape(list)}"]`)?.setAttribute("open", "");
    if (focused) part.querySelector(focused)?.focus();
  }
}

/** How a part finds again what had the focus: by what it stands for. */
function nameOf(element) {
  for (const [key, value] of Object.entries(element.dataset)) return `[data-${key}="${CSS.escape(value)}"]`;
  return "";
}

follow("/events", "view", told, () => {});
if (!body.dataset.crossing) setInterval(refresh, QUEUE_MS);

// What is looked at

function looked() {
  const form = new FormData(work);
  const routines = {};
  for (const [name, value] of form) {
    if (name.startsWith("routine ") && value !== "NOT_DONE") routines[name.slice("routine ".length)] = value;
  }
  return { routines, indicators: form.getAll("indicator"), notes: form.get("notes") };
}

async function keep() {
  let answer;
  try {
    answer = await send("/second-line/work", { crossing: body.dataset.crossing, work: looked() }, ANSWER_MS);
  } catch {
    answer = { taken: false, sentence: saved.dataset.failed };
  }
  saved.textContent = answer.taken ? saved.dataset.saved : answer.sentence;
  saved.classList.toggle("worry", !answer.taken);
}

work?.addEventListener("input", () => {
  clearTimeout(keeping);
  saved.textContent = "";
  keeping = setTimeout(keep, KEEP_MS);
});
work?.addEventListener("submit", (event) => event.preventDefault());

// The decision

closing?.addEventListener("input", () => {
  const outcome = new FormData(closing).get("outcome");
  document.getElementById("ground").hidden = outcome !== closing.dataset.refused;
  const grant = document.getElementById("grant");
  if (grant) grant.hidden = outcome !== "admitted";
});

// What is granted of a visa on arrival: nothing, where nothing was applied for or the officer has taken the tick away
function granted(form) {
  if (form.get("outcome") !== "admitted" || !form.get("grant")) return null;
  const number = (name) => (/^\d{1,4}$/.test(form.get(name).trim()) ? Number(form.get(name)) : -1);
  return {
    days: number("visa_days"),
    entries: number("visa_entries"),
    valid_from: form.get("visa_from"),
    valid_until: form.get("visa_until").trim(),
  };
}
closing?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(closing);
  const failed = closing.querySelector(".typing-failed");
  failed.hidden = true;
  clearTimeout(keeping);
  const outcome = form.get("outcome");
  let answer = { taken: false, sentence: failed.dataset.noOutcome };
  if (outcome) {
    const ground = outcome === closing.dataset.refused && form.get("ground") ? form.get("ground") : null;
    deciding = true;
    const [crossing, pin, reason] = [body.dataset.crossing, form.get("pin"), form.get("reason")];
    try {
      const visa = granted(form);
      answer = await send("/second-line/close", { crossing, pin, outcome, ground, reason, visa, work: looked() }, ANSWER_MS);
      if (answer.taken && visa) {
        location.replace(`/visas/${crossing}`); // its label comes next
        return;
      }
    } catch {
      answer = { taken: false, sentence: failed.dataset.failed };
    }
  }
  closing.elements.pin.value = "";
  if (answer.taken) {
    location.replace("/second-line");
    return;
  }
  deciding = false;
  failed.textContent = answer.sentence;
  failed.hidden = false;
});

// The keyboard is enough

async function leave(event) {
  event.preventDefault();
  if (keeping) await keep(); // what was typed just now
  location.assign(document.getElementById("back").href);
}

document.getElementById("back").addEventListener("click", leave);
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return; // help is read: its keys are its own
  if (event.key === "Escape") {
    leave(event);
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const rows = [...document.querySelectorAll(".queue a")];
  if (!rows.length) return;
  event.preventDefault();
  const at = rows.indexOf(document.activeElement);
  const next = event.key === "ArrowDown" ? at + 1 : at - 1;
  rows[Math.max(0, Math.min(rows.length - 1, next))].focus();
});
document.querySelector(".queue a")?.focus();
body.dataset.ready = ""; // from here on keys are answered
