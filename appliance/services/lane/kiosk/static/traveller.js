// The traveller's page: shows the word that /traveller/events sends, and says it. It sends nothing.

const SILENCE_MS = 10_000; // the box beats every 4 seconds: two beats may be late
const RECONNECT_MS = 1000;

const body = document.body;
const place = document.getElementById("word");

let source = null;
let silence = 0;
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

function listen() {
  source?.close();
  source = new EventSource("/traveller/events");
  source.addEventListener("word", (event) => {
    expect();
    show(JSON.parse(event.data));
  });
  source.onerror = () => {
    lose();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RECONNECT_MS);
  };
  expect();
}

function expect() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    lose();
    listen();
  }, SILENCE_MS);
}

listen();
