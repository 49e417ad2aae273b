"""What the page of a station asks of sessions to draw and to control; the list of them is a fragment of the pages."""
