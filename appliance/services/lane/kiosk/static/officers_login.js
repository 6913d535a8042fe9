// A supervisor's name and PIN; the PIN leaves the page with the form, and nothing of it stays.

import { offerHelp } from "./help.js";
import { offerLooks } from "./looks.js";

const ANSWER_MS = 30000; // a PIN takes its time on a small board, and a card is waited for

const form = document.getElementById("open");
const failed = form.querySelector(".typing-failed");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failed.hidden = true;
  let answer;
  try {
    const response = await fetch("/officers/open", {
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
  form.elements.pin.value = "";
  if (answer.taken) {
    location.replace("/officers");
    return;
  }
  failed.textContent = answer.sentence;
  failed.hidden = false;
  form.elements.pin.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) location.replace("/");
});
offerHelp("officers");
offerLooks();
(form.elements.pin ?? document.getElementById("back")).focus();
document.body.dataset.ready = "";
