// The paper ledger after an outage, line by line. Day, direction and outcome stay for the next line; what was typed
// of a person goes with the line, and everything goes with the form.

import { send } from "./send.js";

const ANSWER_MS = 10000;
const SHOWN = 20; // lines that can be looked back at

const dialog = document.getElementById("paper");
const form = document.getElementById("paper-form");
const lines = document.getElementById("paper-lines");
const failed = document.getElementById("paper-failed");

let number = 0;

/** Ledgers are entered between travellers: the form closes when one stands here, and keeps nothing. */
export function offerPaper(idle) {
  open.may = idle;
  if (!idle && dialog.open && !form.dataset.begun) dialog.close();
}

function open() {
  if (!open.may || document.querySelector("dialog[open]")) return;
  number = 0;
  dialog.showModal();
  form.elements.date.focus();
}

async function enter() {
  failed.hidden = true;
  const line = { number: number + 1 };
  for (const [name, value] of new FormData(form)) line[name] = value;
  let answer;
  try {
    answer = await send("/paper", line, ANSWER_MS);
  } catch {
    answer = { taken: false, problems: {}, sentence: failed.dataset.failed, hits: [] };
  }
  show(answer, line);
}

function show(answer, line) {
  let first = null;
  for (const output of form.querySelectorAll("[data-problem]")) {
    const problem = answer.problems[output.dataset.problem] ?? "";
    output.textContent = problem;
    const field = form.elements[output.dataset.problem];
    field.toggleAttribute("aria-invalid", Boolean(problem));
    if (problem) first ??= field;
  }
  if (!answer.taken) {
    first?.focus();
    if (!first) {
      failed.textContent = answer.sentence;
      failed.hidden = false;
    }
    return;
  }
  number += 1;
  const item = document.createElement("li");
  item.value = number;
  item.textContent = `${line.document_number} ${line.primary_identifier}: ${answer.sentence}`;
  for (const hit of answer.hits) {
    const told = document.createElement("strong");
    told.textContent = hit;
    item.append(told);
  }
  lines.prepend(item);
  while (lines.children.length > SHOWN) lines.lastElementChild.remove();
  for (const field of form.elements) {
    if (field.name && !("stays" in field.dataset)) field.value = "";
  }
  delete form.dataset.begun;
  form.elements.time.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
form.addEventListener("input", () => (form.dataset.begun = "yes"));
document.getElementById("paper-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  form.reset();
  delete form.dataset.begun;
  lines.replaceChildren();
  failed.hidden = true;
  for (const output of form.querySelectorAll("[data-problem]")) output.textContent = "";
  for (const field of form.elements) field.removeAttribute("aria-invalid");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "F7") return;
  event.preventDefault();
  open();
});
