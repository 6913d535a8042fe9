"""Where entries come from: CSV, the UN's XML, OFAC's CSV, FollowTheMoney's JSON; on the server's side."""
