"""What an officer types into the ledger's form."""

import datetime as dt

from kiosk_browser import Kiosk

YESTERDAY = (dt.datetime.now().astimezone() - dt.timedelta(days=1)).date().isoformat()
LINE = {
    "date": YESTERDAY,
    "time": "14:05",
    "direction": "entry",
    "outcome": "admitted",
    "document_code": "P",
    "issuing_state": "UTO",
    "document_number": "L898902C3",
    "nationality": "UTO",
    "primary_identifier": "ERIKSSON",
    "secondary_identifier": "ANNA MARIA",
    "birth_date": "1974-08-12",
    "sex": "F",
    "expiry_date": "2031-05-14",
    "officer": "A. Clerk",
}
_FILL = """
const [line] = arguments, form = document.getElementById("paper-form");
for (const [name, value] of Object.entries(line)) form.elements[name].value = value;
form.dispatchEvent(new Event("input", { bubbles: true }));
document.querySelector("#paper [type=submit]").click();
"""


def enter_line(browser: Kiosk, **changes: str) -> None:
    """Fill the open form and send it."""
    browser.driver.execute_script(_FILL, LINE | changes)
