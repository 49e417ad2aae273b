"""What a campaign changed: drivers who had it against those held out, with an interval."""
