// The traveller's page: shows the word that /traveller/events sends, and says it. It sends nothing.

import { follow } from "./live.js";

const body = document.body;
const place = document.getElementById("word");

let speech = null;

function show(word) {
  if (word.version !== body.dataset.version) {
    location.reload();
    return;
  }
  body.classList.remove("lost");
  if (body.dataset.code !== word.code) say(word);
  body.dataset.code = word.code;
  if (place.innerHTML !== word.html) place.innerHTML = word.html; // rendered by the box, every value escaped
}

function say(word) {
  speech?.pause();
  speech = null;
  if (!word.speech) return;
  speech = new Audio(word.speech);
  body.dataset.spoken = "";
  speech.addEventListener("playing", () => (body.dataset.spoken = word.code), { once: true });
  speech.play().catch(() => (body.dataset.spoken = "blocked")); // the picture and the words stand
}

function lose() {
  speech?.pause();
  body.classList.add("lost"); // nothing that may no longer be true
}

follow("/traveller/events", "word", show, lose);
