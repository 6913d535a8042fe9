// A technician's name and PIN; the PIN leaves the page with the form, and nothing of it stays.

import { offerHelp } from "./help.js";
import { offerLooks } from "./looks.js";

const ANSWER_MS = 10000; // a PIN takes its time on a small board

const form = document.getElementById("open");
const failed = form.querySelector(".typing-failed");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failed.hidden = true;
  let answer;
  try {
    const response = await fetch("/technician/open", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Borne-Kiosk": "1" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) throw new Error(response.statusText);
    answer = await response.json();
  } catch {
    answer = { taken: false, sentence: form.dataset.failed };
  }
  if (form.elements.pin) form.elements.pin.value = "";
  if (answer.taken) {
    location.replace("/technician");
    return;
  }
  failed.textContent = answer.sentence;
  failed.hidden = false;
  form.elements.pin?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) location.replace("/");
});
offerHelp("technician");
offerLooks();
(form.elements.pin ?? form.querySelector("button"))?.focus();
document.body.dataset.ready = "";
