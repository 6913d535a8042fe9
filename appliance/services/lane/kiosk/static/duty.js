// Who is on duty, whom central has appointed, and letting a traveller go on under RED: forms with a PIN, and the card of
// who has one. The box judges them; a PIN leaves the page with the form, and nothing of it stays.

import { send } from "./send.js";

const ANSWER_MS = 30000; // a PIN takes its time on a small board, and a card is waited for

const login = document.getElementById("login");
const appoint = document.getElementById("appoint");
const release = document.getElementById("release");
const letGo = document.getElementById("let-go");

const NOTHING = { officers: [], appointed: [], carded: [], card_alone: false, officer: "", releasing: null, second_line: null };
let now = NOTHING;
let releasingFor = null;

/** What the box says of officers; a form that is for another traveller closes. */
export function offerDuty(update) {
  now = update ?? NOTHING;
  letGo.hidden = !now.releasing;
  if (release.open && releasingFor !== now.releasing) release.close();
  if (!update && login.open) login.close();
  if (appoint.open && !now.appointed.length) appoint.close();
  login.querySelector("[data-do=appoint]").hidden = !now.appointed.length;
}

function open(dialog) {
  const names = dialog === appoint ? now.appointed : now.officers;
  if (dialog.open || !names.length || document.querySelector("dialog[open]")) return;
  const select = dialog.querySelector("[name=name]");
  select.replaceChildren(...names.map((name) => new Option(name, name, false, name === now.officer)));
  const leave = dialog.querySelector("[data-do=logout]");
  if (leave) leave.hidden = !now.officer;
  const alone = dialog.querySelector("[data-do=card]");
  if (alone) alone.hidden = !now.card_alone;
  tell(dialog);
  releasingFor = dialog === release ? now.releasing : null;
  dialog.showModal();
  dialog.querySelector(dialog === release ? "textarea" : "[name=name]").focus();
}

/** Who is on duty; where nobody is named, the first one has a code from central. */
function openLogin() {
  open(now.officers.length ? login : appoint);
}

/** Whose card is asked for too. */
function tell(dialog) {
  if (dialog === appoint) return;
  dialog.querySelector("[data-card]").hidden = !now.carded.includes(dialog.querySelector("[name=name]").value);
}

async function once(dialog, path, message) {
  if (dialog.dataset.sent) return; // a card is waited for
  dialog.dataset.sent = "yes";
  await ask(dialog, path, message);
  delete dialog.dataset.sent;
}

async function ask(dialog, path, message) {
  const failed = dialog.querySelector(".typing-failed");
  failed.hidden = true;
  let answer;
  try {
    answer = await send(path, message, ANSWER_MS);
  } catch {
    answer = { taken: false, sentence: failed.dataset.failed };
  }
  if (answer.taken) {
    dialog.close();
    return;
  }
  failed.textContent = answer.sentence;
  failed.hidden = false;
  for (const secret of dialog.querySelectorAll("[type=password]")) secret.value = "";
  dialog.querySelector(dialog === appoint ? "[name=code]" : "[name=pin]").focus();
}

for (const [dialog, path] of [[login, "/login"], [appoint, "/appoint"], [release, "/release"]]) {
  const form = dialog.querySelector("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const message = Object.fromEntries(new FormData(form));
    if (dialog === release) message.crossing = releasingFor;
    once(dialog, path, message);
  });
  dialog.querySelector("[name=name]").addEventListener("change", () => tell(dialog));
  dialog.querySelector("[data-do=cancel]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    form.reset();
    dialog.querySelector(".typing-failed").hidden = true;
  });
}
login.querySelector("[data-do=logout]").addEventListener("click", () => once(login, "/login", { name: "" }));
login.querySelector("[data-do=card]").addEventListener("click", () => {
  login.querySelector("[data-card]").hidden = false;
  once(login, "/login", { name: "", card: true });
});
login.querySelector("[data-do=appoint]").addEventListener("click", () => {
  login.close();
  open(appoint);
});
letGo.addEventListener("click", () => now.releasing && open(release));
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-open=login]")) openLogin();
});
document.addEventListener("keydown", (event) => {
  if (!["F3", "F4", "F8"].includes(event.key)) return;
  event.preventDefault();
  if (event.key === "F3" && event.shiftKey) {
    if (!document.querySelector("dialog[open]")) location.assign("/officers"); // the box says who may
  } else if (event.key === "F3") openLogin();
  else if (event.key === "F8" && event.shiftKey) {
    if (!document.querySelector("dialog[open]")) location.assign("/technician"); // the box says who may
  } else if (event.key === "F8") {
    if (now.second_line !== null && !document.querySelector("dialog[open]")) location.assign("/second-line");
  }
  else if (now.releasing) open(release);
});
