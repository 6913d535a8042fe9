// What the officer notes beside a crossing: answers by one key each, proofs of a stay, another passport, a group.
// The box judges each note; nothing of a traveller stays in a form that has closed.

import { send } from "./send.js";

const ANSWER_MS = 5000;

const dialogs = {
  asked: document.getElementById("asked"),
  proof: document.getElementById("proof"),
  arrival: document.getElementById("arrival"),
  group: document.getElementById("group"),
};
const KEYS = { F5: "asked", "Shift+F5": "proof", "Shift+F2": "arrival", F11: "group" };
let now = { asked: null, group: null };

/** What the box says may be noted now; a dialog for somebody who has gone closes. */
export function offerNotes(asked, group) {
  const gone = now.asked?.crossing !== asked?.crossing;
  now = { asked, group };
  if (dialogs.asked.open && (gone || !asked)) dialogs.asked.close();
  if (dialogs.proof.open && (gone || !asked?.proof)) dialogs.proof.close();
  if (dialogs.arrival.open && (gone || !asked?.arrival)) dialogs.arrival.close();
  if (dialogs.group.open && (!group || dialogs.group.dataset.for !== placeOf(group))) dialogs.group.close();
  if (dialogs.asked.open) showQuestions();
}

function placeOf(group) {
  return `${group.group}/${group.crossing}`;
}

function open(name) {
  if (document.querySelector("dialog[open]")) return;
  if (name === "asked" && now.asked && Object.keys(now.asked.questions).length) {
    dialogs.asked.showModal();
    current = null;
    showQuestions();
  }
  if (name === "proof" && now.asked?.proof) {
    dialogs.proof.showModal();
    dialogs.proof.querySelector("[name=day]").focus();
  }
  if (name === "arrival" && now.asked?.arrival) openArrival(now.asked.arrival);
  if (name === "group" && now.group) openGroup(now.group);
}

async function tell(note, failed) {
  failed.hidden = true;
  try {
    return await send("/note", { note }, ANSWER_MS);
  } catch {
    failed.textContent = failed.dataset.failed;
    failed.hidden = false;
    return { taken: false, problems: {} };
  }
}

// Questions: the current one takes the keys, and each answer goes to the next that is open

let current = null;

function showQuestions() {
  const { questions, left, countries } = now.asked;
  for (const field of dialogs.asked.querySelectorAll("[data-question]")) {
    const name = field.dataset.question;
    field.hidden = !(name in questions);
    const likely = field.querySelector(".likely");
    if (likely && likely.dataset.codes !== String(countries)) {
      likely.dataset.codes = String(countries);
      likely.replaceChildren(...countries.map(([code, word], place) => keyButton(place + 1, code, word)));
    }
    for (const button of field.querySelectorAll("[data-value]")) {
      button.setAttribute("aria-pressed", String(button.dataset.value === questions[name]));
    }
    const number = field.querySelector("[data-number]");
    if (number && document.activeElement !== number) number.value = /^\d+$/.test(questions[name]) ? questions[name] : "";
    const all = field.querySelector("[data-all]");
    if (all) all.value = questions[name] === "-" ? "" : questions[name];
  }
  if (current === null || !(current in questions)) choose(left[0] ?? Object.keys(questions)[0]);
}

function keyButton(key, code, word) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.key = key;
  button.dataset.value = code;
  const kbd = document.createElement("kbd");
  kbd.textContent = key;
  button.append(kbd, ` ${word}`);
  return button;
}

function choose(name) {
  current = name;
  for (const field of dialogs.asked.querySelectorAll("[data-question]")) {
    field.toggleAttribute("data-current", field.dataset.question === name);
  }
  const field = fieldOf(name);
  if (!field) return;
  field.scrollIntoView({ block: "nearest" });
  (field.querySelector("[data-number]") ?? field.querySelector("button"))?.focus({ preventScroll: true });
}

function fieldOf(name) {
  return dialogs.asked.querySelector(`[data-question="${name}"]`);
}

async function answer(name, value) {
  const crossing = now.asked?.crossing;
  if (!crossing) return;
  const note = name === "visa_entries"
    ? { type: "SayVisaEntries", crossing, entries: Number(value) }
    : { type: "Say", crossing, question: name, value };
  const failed = dialogs.asked.querySelector(".typing-failed");
  const said = await tell(note, failed);
  if (!said.taken) {
    const problem = Object.values(said.problems)[0];
    if (problem) {
      failed.textContent = problem;
      failed.hidden = false;
    }
    return;
  }
  const order = [...dialogs.asked.querySelectorAll("[data-question]:not([hidden])")].map((one) => one.dataset.question);
  const next = order.slice(order.indexOf(name) + 1).find((one) => now.asked?.left.includes(one) && one !== name);
  if (next) choose(next);
  else dialogs.asked.close();
}

dialogs.asked.addEventListener("click", (event) => {
  const button = event.target.closest("[data-value]");
  if (button) answer(button.closest("[data-question]").dataset.question, button.dataset.value);
});
dialogs.asked.addEventListener("focusin", (event) => {
  const field = event.target.closest("[data-question]");
  if (field && field.dataset.question !== current) choose(field.dataset.question);
});
dialogs.asked.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]") && event.target.value) {
    answer(event.target.closest("[data-question]").dataset.question, event.target.value);
  }
});
dialogs.asked.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const select = event.target.matches("select");
  const number = event.target.matches("[data-number]");
  if (number && event.key === "Enter") {
    event.preventDefault();
    answer(current, event.target.value.trim());
    return;
  }
  const key = /^(?:Digit|Numpad)(\d)$|^Key([A-Z])$/.exec(event.code);
  if (!key || select || (number && key[1] !== undefined)) return;
  const pressed = key[1] ?? key[2]; // by its place, so that any keyboard layout will do
  const field = fieldOf(current);
  const button = field?.querySelector(`[data-key="${pressed}"]`);
  const all = field?.querySelector("[data-all]");
  if (!button && !(all && pressed === "0")) return;
  event.preventDefault();
  if (button) button.click();
  else all.focus();
});

// Forms

function valuesOf(form) {
  const values = Object.fromEntries(new FormData(form));
  for (const box of form.querySelectorAll("[type=checkbox]")) values[box.name] = box.checked;
  if ("declared" in values) values.declared = Number.parseInt(values.declared, 10) || 0;
  return values;
}

for (const form of document.querySelectorAll("form[data-note]")) {
  const dialog = form.closest("dialog");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const note = { type: form.dataset.note, ...valuesOf(form) };
    if (note.type === "CloseGroup") note.group = now.group?.group ?? "";
    else if (note.type !== "OpenGroup") note.crossing = (dialog === dialogs.group ? now.group : now.asked)?.crossing ?? "";
    const failed = form.querySelector(".typing-failed");
    const said = await tell(note, failed);
    if (said.taken) {
      dialog.close();
      return;
    }
    let first = null;
    for (const output of form.querySelectorAll("[data-problem]")) {
      output.textContent = said.problems[output.dataset.problem] ?? "";
      if (output.textContent) first ??= form.elements[output.dataset.problem];
    }
    if (said.problems.crossing) {
      failed.textContent = said.problems.crossing;
      failed.hidden = false;
    }
    first?.focus?.();
  });
}

function openArrival(offer) {
  const form = dialogs.arrival.querySelector("form");
  form.querySelector("[data-says]").textContent = offer.says;
  form.querySelector("[data-fee]").textContent = offer.fee;
  form.querySelector("[data-days]").textContent = offer.days;
  form.elements.purpose.replaceChildren(new Option("", ""), ...offer.purposes.map(([code, word]) => new Option(word, code)));
  form.elements.purpose.value = offer.purpose;
  form.elements.days.value = offer.stay;
  dialogs.arrival.showModal();
  form.elements.purpose.focus();
}

function openGroup(group) {
  const shown = group.group ? (group.crossing ? ["InGroup", "DetachFromGroup"] : ["CloseGroup"]) : ["OpenGroup"];
  dialogs.group.dataset.for = placeOf(group);
  for (const form of dialogs.group.querySelectorAll("form")) form.hidden = !shown.includes(form.dataset.note);
  const guardian = dialogs.group.querySelector("[name=guardian]");
  guardian.replaceChildren(new Option("", ""), ...group.members.map(([crossing, name]) => new Option(name, crossing)));
  guardian.value = group.guardian;
  dialogs.group.querySelector("[name=shared_document]").checked = group.shared;
  for (const radio of dialogs.group.querySelectorAll("[name=role]")) radio.checked = radio.value === group.role;
  const lists = dialogs.group.querySelector("[data-lists]");
  lists.hidden = group.lists.length === 0;
  const list = lists.querySelector("select");
  list.replaceChildren(list.options[0], ...group.lists.map(([id, said]) => new Option(said, id)));
  dialogs.group.querySelector(".differs").hidden = !group.differs;
  dialogs.group.showModal();
  const form = dialogs.group.querySelector("form:not([hidden])");
  (form.querySelector("input:not([type=checkbox])") ?? form.querySelector("button[type=submit]")).focus();
}

for (const dialog of Object.values(dialogs)) {
  for (const button of dialog.querySelectorAll("[data-do=cancel]")) {
    button.addEventListener("click", () => dialog.close());
  }
  dialog.addEventListener("close", () => {
    for (const form of dialog.querySelectorAll("form")) form.reset();
    for (const output of dialog.querySelectorAll("output")) output.textContent = "";
    for (const failed of dialog.querySelectorAll(".typing-failed")) failed.hidden = true;
  });
}
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener && opener.dataset.open in dialogs) open(opener.dataset.open);
});
document.addEventListener("keydown", (event) => {
  const key = event.shiftKey ? `Shift+${event.key}` : event.key;
  if (!(key in KEYS)) return;
  event.preventDefault();
  open(KEYS[key]);
});
