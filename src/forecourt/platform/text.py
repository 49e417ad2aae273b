"""What a line of text that people write may hold."""

from typing import Final

#: No control characters, and none of those that turn the text around them (UAX #9: embeddings, overrides, isolates):
#: with them a name could rewrite what stands beside it.
HIDDEN: Final = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
ONE_LINE: Final = rf"^[^{HIDDEN}]*$"
