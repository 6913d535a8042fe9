// The counter's page: asks every half second whether somebody else stands there.
const counter = document.getElementById("counter");
let revision = "";

async function look() {
  try {
    const answer = await fetch(`/training/now?revision=${revision}`);
    if (answer.status === 200) {
      const now = await answer.json();
      revision = String(now.revision);
      counter.innerHTML = now.html;
    }
  } catch {
    revision = ""; // the session has ended; when it is back it is asked anew
  }
  setTimeout(look, 500);
}

look();
