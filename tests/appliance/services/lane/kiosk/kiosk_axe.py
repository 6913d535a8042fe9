"""axe-core in the page on the screen: every rule of WCAG 2.2 A and AA, and its best practices.

The engine comes with a package of another browser driver; only its script is used.
"""

from importlib.resources import files
from typing import Any

from kiosk_browser import Kiosk

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
TAGS = (*("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"), "best-practice")
# What lies in closed dialogs, three of four elements, is out of the document meanwhile: axe-core walks
# through all of it, for most of its time, and judges nothing of what nobody sees. A dialog's turn comes when
# it is open. Only an id that is there twice concerns what is not seen too; that is sought before.
RUN = """
const [tags, done] = arguments;
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
const twice = ids.filter((id, i) => ids.indexOf(id) < i).map((id) => `duplicate-id: #${id}`);
const closed = [...document.querySelectorAll("dialog:not([open])")].map((dialog) => {
  const within = document.createDocumentFragment();
  within.append(...dialog.childNodes);
  return [dialog, within];
});
axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]})
  .finally(() => closed.forEach(([dialog, within]) => dialog.append(within)))
  .then((found) => done([found.passes.length, [...twice, ...found.violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id} (${one.impact}): ${node.target} ${node.failureSummary}`))]]),
    (error) => done([0, [String(error)]]));
"""


def violations(kiosk: Kiosk) -> list[str]:
    """What axe-core has against the page as it stands; a page that it could not judge raises."""
    if not kiosk.driver.execute_script("return typeof axe === 'object'"):
        kiosk.driver.execute_script(AXE)
    passed, found = kiosk.driver.execute_async_script(RUN, TAGS)
    found_: list[Any] = found
    assert passed > 10, found_
    return [str(one) for one in found_]
