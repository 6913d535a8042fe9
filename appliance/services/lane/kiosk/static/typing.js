// The form in which the officer types a document that cannot be read. The box judges every field; this
// page only sends what was typed, shows what is wrong, and forgets it all when the form closes.

import { send } from "./send.js";

const ANSWER_MS = 5000;

const opener = document.getElementById("type");
const dialog = document.getElementById("typing");
const form = document.getElementById("typing-form");
const next = document.getElementById("typing-next");
const shown = document.getElementById("typing-shown");
const failed = document.getElementById("typing-failed");

let offered = null; // the crossing whose document may be typed now
let typingFor = null; // the crossing for which the form was opened
let confirmed = false; // the officer looks at what the box made of it

/** The crossing whose document may be typed in now, null for none: a form for another one closes. */
export function offerTyping(crossing) {
  offered = crossing;
  opener.hidden = !crossing;
  if (dialog.open && typingFor !== crossing) dialog.close();
}

function open() {
  if (!offered || dialog.open) return;
  typingFor = offered;
  dialog.showModal();
  form.querySelector("input").focus();
}

function changed() {
  confirmed = false;
  shown.hidden = true;
  failed.hidden = true;
  next.textContent = next.dataset.check;
  const without = ["no_document", "in_guardians_document"].includes(form.typed_for.value);
  for (const name of ["document_code", "issuing_state", "document_number", "document_number_again", "expiry_date"]) {
    form.elements[name].disabled = without;
  }
}

async function enter() {
  const entry = { crossing: typingFor, confirmed };
  for (const [name, value] of new FormData(form)) entry[name] = value;
  entry.typed_for ??= "";
  try {
    show(await send("/typed", entry, ANSWER_MS));
  } catch {
    say(failed.dataset.failed);
  }
}

function show(answer) {
  if (answer.taken) {
    dialog.close();
    return;
  }
  let first = null;
  for (const output of form.querySelectorAll("[data-problem]")) {
    const problem = answer.problems[output.dataset.problem] ?? "";
    output.textContent = problem;
    const field = form.elements[output.dataset.problem];
    for (const one of field instanceof RadioNodeList ? field : [field]) {
      one.toggleAttribute("aria-invalid", Boolean(problem));
      if (problem) first ??= one;
    }
  }
  first?.focus();
  const name = answer.shown.name;
  if (name === undefined) {
    if (!first) say(failed.dataset.refused); // the traveller is another one by now
    return;
  }
  for (const element of shown.querySelectorAll("[data-shown]")) {
    element.textContent = answer.shown[element.dataset.shown];
  }
  shown.hidden = false;
  confirmed = true;
  next.textContent = next.dataset.take;
  next.focus();
}

function say(sentence) {
  failed.textContent = sentence;
  failed.hidden = false;
}

opener.addEventListener("click", open);
document.addEventListener("keydown", (event) => {
  if (event.key === "F2" && !event.shiftKey) {
    event.preventDefault();
    open();
  }
});
document.getElementById("typing-cancel").addEventListener("click", () => dialog.close());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
form.addEventListener("input", changed);
dialog.addEventListener("close", () => {
  form.reset(); // nothing of a traveller stays behind
  for (const output of form.querySelectorAll("[data-problem]")) output.textContent = "";
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  typingFor = null;
  changed();
});
