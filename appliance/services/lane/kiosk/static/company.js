// Who is with this child: a digit's key each for the adults who were just admitted here, 0 for nobody. The box judges.

import { send } from "./send.js";

const ANSWER_MS = 5000;
const toast = document.getElementById("toast");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-company]");
  if (!button) return;
  const { crossing, guardian } = button.dataset;
  const note = { type: "SayGuardian", crossing, guardian, alone: guardian === "" };
  try {
    toast.hidden = (await send("/note", { note }, ANSWER_MS)).taken;
    if (!toast.hidden) toast.textContent = toast.dataset.refused;
  } catch {
    toast.textContent = toast.dataset.failed;
    toast.hidden = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (document.querySelector("dialog[open]")) return;
  const key = /^(?:Digit|Numpad)(\d)$/.exec(event.code); // by its place, so that any keyboard layout will do
  const button = key && document.querySelector(`[data-company="${key[1]}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
