"""The officer's screen: one full-screen page that shows the lane's view and carries the button."""

from appliance.services.lane.kiosk.page import ViewSource, kiosk_app

__all__ = ["ViewSource", "kiosk_app"]
