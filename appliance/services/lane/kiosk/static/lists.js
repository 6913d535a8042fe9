// Advance lists at the second line: a file is looked at, then taken in; the box judges it and goes on by itself.

import { refresh } from "./second_line.js";

const ANSWER_MS = 120_000; // 5,000 lines are looked at one by one on a small board
const LOOK_MS = 3000; // a stick was plugged in, or pulled out
const STEP_MS = 500;

const form = document.getElementById("lists-file");
const looked = document.getElementById("lists-looked");
const progress = document.getElementById("lists-progress");
const most = Number(document.body.dataset.most);
let busy = false;

async function post(path, body, headers) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "X-Borne-Kiosk": "1", ...headers },
    body,
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!response.ok) throw new Error(response.statusText);
  return response;
}

const postJson = (path, message) => post(path, JSON.stringify(message), { "Content-Type": "application/json" });

function fail(place) {
  const told = document.createElement("p");
  told.className = "worry";
  told.setAttribute("role", "alert");
  told.textContent = looked.dataset.failed;
  place.replaceChildren(told);
}

async function look(asking) {
  if (busy) return;
  busy = true;
  form.querySelector("button").disabled = true;
  try {
    looked.innerHTML = await (await asking()).text(); // rendered by the box; the CSP allows no script in it
    progress.hidden = true;
    looked.querySelector("[data-take]")?.focus();
  } catch {
    fail(looked);
  }
  busy = false;
  form.querySelector("button").disabled = false;
}

const said = () => ({ direction: form.elements.direction.value, kind: form.elements.kind.value });

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = form.elements.file.files;
  if (!file) return;
  const headers = { "Content-Type": "application/octet-stream", "X-Borne-Name": encodeURIComponent(file.name) };
  const address = `/second-line/lists/look?${new URLSearchParams(said())}`;
  look(() => post(address, file.slice(0, most), headers)); // one byte more than may be is refused with a sentence
});

async function take(token) {
  looked.querySelector("[data-take]").disabled = true;
  try {
    const answer = await (await postJson("/second-line/lists/take", { token })).json();
    looked.replaceChildren();
    if (answer.taken) show(answer);
    else {
      fail(looked);
      looked.firstChild.textContent = answer.sentence;
    }
  } catch {
    fail(looked);
  }
}

function show(answer) {
  const before = progress.dataset.state;
  progress.hidden = answer.state === "idle";
  progress.dataset.state = answer.state;
  progress.querySelector("p").textContent = answer.sentence;
  const bar = progress.querySelector("progress");
  bar.max = Math.max(answer.total, 1);
  bar.value = answer.done;
  bar.hidden = answer.state !== "going";
  if (answer.state === "going") setTimeout(follow, STEP_MS);
  else if (before === "going") refresh();
}

async function follow() {
  try {
    show(await (await fetch("/second-line/lists/progress")).json());
  } catch {
    setTimeout(follow, STEP_MS); // the box goes on meanwhile
  }
}

async function remove(list) {
  const failed = document.querySelector("#lists-known .typing-failed");
  let answer;
  try {
    answer = await (await postJson("/second-line/lists/remove", { list })).json();
  } catch {
    answer = { taken: false, sentence: looked.dataset.failed };
  }
  failed.textContent = answer.sentence;
  failed.hidden = answer.taken;
  if (answer.taken) await refresh();
}

document.addEventListener("click", (event) => {
  const { take: token, stick: name, remove: list } = event.target.closest("button")?.dataset ?? {};
  if (token) take(token);
  else if (name) look(() => postJson("/second-line/lists/stick", { name, ...said() }));
  else if (list) remove(list);
});

setInterval(refresh, LOOK_MS, ["lists-stick"]);
if (progress.dataset.state === "going") follow();
else progress.querySelector("progress").hidden = true;
