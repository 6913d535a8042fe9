"""`lane`: the workflow, verification, screening, decision, records and their keys, the kiosk page."""
