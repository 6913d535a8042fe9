// The technician's page: the self-test as it stands, and one key a part. The box does everything; when somebody
// comes to the lane the page goes back to it.

import { offerHelp } from "./help.js";
import { follow } from "./live.js";
import { offerLooks } from "./looks.js";
import { send } from "./send.js";

const ANSWER_MS = 10000;
const LOOK_AGAIN_MS = 1000; // after a camera that did not answer
const KEYS = { 0: "stop", 1: "run", 2: "signal", 3: "specimen", 4: "camera", 5: "finger", 6: "print", 7: "next-camera" };

const body = document.body;
const said = document.getElementById("said");
const camera = document.getElementById("camera");
const picture = document.getElementById("camera-picture");
const regions = [...document.querySelectorAll("[data-region]")];

let shown = {};
let cameras = [];
let looking = null; // the key of the camera that is looked through
let best = 0;
let signal = "";

function told(update) {
  if (update.version !== body.dataset.version) {
    location.reload();
    return;
  }
  if (update.ended) {
    location.replace("/");
    return;
  }
  if (said.dataset.silent !== undefined) say("");
  cameras = update.cameras;
  signal = update.signal;
  for (const region of regions) {
    const html = update.regions[region.dataset.region];
    if (html === undefined || shown[region.dataset.region] === html) continue;
    shown[region.dataset.region] = html;
    fill(region, html);
  }
  body.dataset.running = update.running;
  body.dataset.doing = update.doing;
  body.dataset.signal = update.signal;
  body.dataset.ready = ""; // from here on keys are answered
}

function fill(region, html) {
  const stops = () => [...region.querySelectorAll("a, button, [tabindex]")];
  const place = stops().indexOf(document.activeElement);
  region.innerHTML = html; // rendered by the box with every value escaped; the CSP allows no script in it
  if (place >= 0) stops()[place]?.focus();
}

function lose() {
  shown = {};
  for (const region of regions) region.replaceChildren();
  say(said.dataset.lost);
  said.dataset.silent = "";
  delete body.dataset.ready;
}

function say(sentence) {
  said.textContent = sentence;
  delete said.dataset.silent;
}

async function ask(what) {
  say("");
  try {
    const answer = await send("/technician/try", { what }, ANSWER_MS);
    if (!answer.taken) say(answer.sentence);
    return answer.taken;
  } catch {
    say(said.dataset.failed);
    return false;
  }
}

// The camera: one frame after the other, as fast as they come

async function look(key) {
  if (looking !== key) return;
  let pause = 0;
  try {
    const address = `/technician/look?camera=${encodeURIComponent(key)}`;
    const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(await response.text());
    const seen = await response.json();
    best = Math.max(best, seen.focus);
    document.getElementById("focus").textContent = seen.focus;
    document.getElementById("focus-best").textContent = best;
    document.getElementById("focus-bar").value = best ? seen.focus / best : 0;
    document.getElementById("light").textContent = `${seen.light} (${seen.luminance})`;
    document.getElementById("dark-bright").textContent = `${seen.dark}, ${seen.bright}`;
    document.getElementById("size").textContent = seen.size;
    picture.src = `/technician/picture?frame=${seen.frame}`;
    await picture.decode().catch(() => {}); // a frame that came too late is passed over
    camera.dataset.frames = Number(camera.dataset.frames ?? 0) + 1;
  } catch (error) {
    say(error.message);
    pause = LOOK_AGAIN_MS;
  }
  setTimeout(look, pause, key);
}

function lookThrough(key) {
  looking = key ?? null;
  best = 0;
  camera.hidden = !looking;
  document.getElementById("camera-key").textContent = looking ?? "";
  if (looking) look(looking);
  else picture.removeAttribute("src");
}

const doing = {
  camera: () => lookThrough(looking ? null : cameras[0]),
  "next-camera": () => looking && lookThrough(cameras[(cameras.indexOf(looking) + 1) % cameras.length]),
  print: () => window.print(),
};

function attempt(what) {
  if (doing[what]) doing[what]();
  else ask(what);
}

async function leave(event) {
  event.preventDefault();
  lookThrough(null);
  if (await ask("leave")) location.replace("/");
}

document.addEventListener("click", (event) => {
  const what = event.target.closest("[data-try]")?.dataset.try;
  if (what) attempt(what);
});
document.getElementById("back").addEventListener("click", leave);
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (event.key === "Escape") leave(event);
  else if (KEYS[key]) attempt(KEYS[key]);
  else if (signal && (key === "y" || key === "n")) attempt(key === "y" ? "seen" : "not_seen");
});

offerHelp("technician");
offerLooks();
follow("/technician/events", "technician", told, lose);
