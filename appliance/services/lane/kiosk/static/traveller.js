// The traveller's page: shows the word that /traveller/events sends, and says it. It sends nothing.

import { follow } from "./live.js";
import "./looks.js";

const body = document.body;
const place = document.getElementById("word");

let speech = null;
let met = false; // somebody has stood here since the page was opened

function show(word) {
  if (word.version !== body.dataset.version) {
    location.reload();
    return;
  }
  if (word.code !== "welcome") met = true;
  else if (met && body.dataset.chosen) {
    location.replace("/traveller/language/document"); // the next traveller has not chosen yet
    return;
  }
  body.classList.remove("lost");
  speak(word);
  if (body.dataset.code !== word.code || body.dataset.language !== word.language) say(word);
  body.dataset.code = word.code;
  body.dataset.language = word.language;
  if (place.innerHTML !== word.html) place.innerHTML = word.html; // rendered by the box, every value escaped
}

// Of the document's State until the traveller chooses: the words are another's from here on.
function speak(word) {
  const root = document.documentElement;
  if (root.lang === word.language) return;
  root.lang = word.language;
  root.dir = word.direction;
  for (const link of document.querySelectorAll(".choose a")) {
    if (link.lang === word.language) link.ariaCurrent = "true";
    else link.removeAttribute("aria-current");
  }
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
