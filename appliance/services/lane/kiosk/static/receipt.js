// The traveller's receipt over the officer's page: read, turned to the traveller, or printed. It closes when the
// next traveller stands there.

const ANSWER_MS = 5000;

const dialog = document.getElementById("receipt");
const page = document.getElementById("receipt-page");

let now = null; // the reference of the receipt that can be shown
let opened = null;

/** The receipt that there is now, null for none: one that is open for another traveller closes. */
export function offerReceipt(reference) {
  now = reference;
  if (dialog.open && opened !== now) dialog.close();
}

async function show(language) {
  const address = language ? `/receipt?language=${language}` : "/receipt";
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
    page.innerHTML = await answer.text(); // rendered by the box; the CSP allows no script in it
  } catch {
    page.textContent = page.dataset.failed;
  }
  page.focus();
}

function open() {
  if (dialog.open || document.querySelector("dialog[open]")) return;
  opened = now;
  dialog.showModal();
  show();
}

async function showTraveller() {
  await fetch("/receipt/show", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Borne-Kiosk": "1" },
    body: JSON.stringify({ reference: opened ?? "" }),
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch(() => (page.textContent = page.dataset.failed));
}

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.language) show(button.dataset.language);
  else if (button?.dataset.receipt === "show") showTraveller();
  else if (button?.dataset.receipt === "print") window.print();
  else if (button?.dataset.receipt === "close") dialog.close();
});
dialog.addEventListener("close", () => page.replaceChildren()); // nothing of a traveller stays behind
document.addEventListener("keydown", (event) => {
  if (event.key !== "F6") return;
  event.preventDefault();
  open();
});
