// The name and PIN of who begins at a page of their own: technician, supervisor. The PIN leaves with the form, and nothing of
// it stays.

import { offerHelp } from "./help.js";
import { offerLooks } from "./looks.js";
import { send } from "./send.js";

const ANSWER_MS = 30000; // a PIN takes its time on a small board, and a card is waited for

const form = document.getElementById("open");
const failed = form.querySelector(".typing-failed");
const { visit } = form.dataset;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failed.hidden = true;
  let answer;
  try {
    answer = await send(`/${visit}/open`, Object.fromEntries(new FormData(form)), ANSWER_MS);
  } catch {
    answer = { taken: false, sentence: form.dataset.failed };
  }
  if (form.elements.pin) form.elements.pin.value = "";
  if (answer.taken) {
    location.replace(`/${visit}`);
    return;
  }
  failed.textContent = answer.sentence;
  failed.hidden = false;
  form.elements.pin?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) location.replace("/");
});
offerHelp(visit);
offerLooks();
(form.elements.pin ?? form.querySelector("button") ?? document.getElementById("back")).focus();
document.body.dataset.ready = "";
