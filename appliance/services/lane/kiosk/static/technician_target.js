// The target to set a lens by: on the screen, or printed.

import { offerHelp } from "./help.js";

document.getElementById("print").addEventListener("click", () => window.print());
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") location.replace("/technician");
  else if (event.key === "6") window.print();
});
offerHelp("technician");
document.body.dataset.ready = "";
