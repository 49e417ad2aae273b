"""What the page of a station shows and asks of sessions."""
