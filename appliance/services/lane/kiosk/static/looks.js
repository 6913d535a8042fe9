// How the page looks for whom, by one key each: F9 the next language, F10 colours (day, sun, night), F12 letters of
// twice the size. What was chosen stays in a cookie, so that the page starts with it; it says nothing of a traveller.

const CHOICES = { theme: ["day", "sun", "night"], print: ["normal", "large"] };
const KEYS = { F10: "theme", F12: "print" };
const YEAR_SECONDS = 365 * 24 * 3600;

const root = document.documentElement;
const others = new BroadcastChannel("looks"); // the traveller's page on the same box
const said = document.getElementById("look-said");

function put(name, value) {
  if (!CHOICES[name]?.includes(value)) return;
  root.dataset[name] = value;
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=strict`;
}

function next(name) {
  const values = CHOICES[name];
  const value = values[(values.indexOf(root.dataset[name]) + 1) % values.length];
  put(name, value);
  others.postMessage({ name, value });
  if (said) said.textContent = said.dataset[value];
}

function nextLanguage() {
  const links = [...document.querySelectorAll("#looks a")];
  const here = links.findIndex((link) => link.ariaCurrent === "true");
  if (links.length > 1) location.assign(links[(here + 1) % links.length].href);
}

others.addEventListener("message", ({ data }) => put(data.name, data.value));

/** The keys and buttons of the officer's page. */
export function offerLooks() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (KEYS[event.key]) {
      event.preventDefault();
      if (!event.repeat) next(KEYS[event.key]);
    } else if (event.key === "F9") {
      event.preventDefault();
      if (!event.repeat && !document.querySelector("dialog[open]")) nextLanguage(); // no form is thrown away
    }
  });
  document.addEventListener("click", (event) => {
    const look = event.target.closest("[data-look]")?.dataset.look;
    if (look) next(look);
    if (event.target.closest("[data-open=looks]") && !document.querySelector("dialog[open]"))
      document.getElementById("looks").showModal();
  });
}
