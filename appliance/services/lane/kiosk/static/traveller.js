// The traveller's page: shows the word that /traveller/events sends, and says it. It sends nothing.

import { follow } from "./live.js";
import "./looks.js";

const body = document.body;
const place = document.getElementById("word");

const FORGET_MS = 60_000; // a traveller who has gone may still be shown a receipt

let speech = null;
let met = false; // somebody has stood here since the page was opened
let gone = 0; // since then that one has gone

function show(word) {
  if (word.version !== body.dataset.version) {
    location.reload();
    return;
  }
  if (forgets(word.code)) {
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

function forgets(code) {
  if (code === "receipt") return false;
  if (code !== "welcome") {
    met = true;
    return gone > 0 && Boolean(body.dataset.chosen);
  }
  if (met) gone ||= Date.now();
  return gone > 0 && Date.now() - gone > FORGET_MS && Boolean(body.dataset.chosen);
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
