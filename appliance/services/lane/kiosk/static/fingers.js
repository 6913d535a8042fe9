// The officer says why a finger cannot be taken: missing or bandaged. The box decides whether that still fits.

import { deliver } from "./send.js";

const ANSWER_MS = 5000;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-except]");
  if (!button) return;
  button.disabled = true;
  const { crossing, finger, except: reason } = button.dataset;
  try {
    await deliver("/finger", { crossing, finger, reason }, ANSWER_MS);
  } finally {
    button.disabled = false; // the next view has the button only while the finger is asked for
  }
});
