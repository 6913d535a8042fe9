// A granted visa's page: a blank label is taken, printed, made void. The box judges each act and records it; only
// then does the browser print.

import { send } from "./send.js";

const ANSWER_MS = 10000; // a PIN takes its time on a small board

const crossing = document.body.dataset.crossing;

async function act(form) {
  const failed = form.querySelector(".typing-failed");
  failed.hidden = true;
  let answer;
  try {
    const message = { crossing, ...Object.fromEntries(new FormData(form)) };
    answer = await send(`/visas/${form.dataset.act}`, message, ANSWER_MS);
  } catch {
    answer = { taken: false, sentence: failed.dataset.failed };
  }
  if (form.elements.pin) form.elements.pin.value = "";
  if (!answer.taken) {
    failed.textContent = answer.sentence;
    failed.hidden = false;
    return;
  }
  if (form.dataset.act === "print") window.print();
  location.reload();
}

for (const form of document.querySelectorAll("form[data-act]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(form);
  });
}
// A scanner types the number and Enter: the first of two fields goes on to the second
document.querySelector("[data-act=issue] [name=number]")?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  document.querySelector("[name=number_again]").focus();
});
document.querySelector("[data-act=issue] input, [data-act=print] button")?.focus();
