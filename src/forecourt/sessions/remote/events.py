"""What others may hear of a remote start; the subject is its id.

A start that failed or expired may be heard of again as linked: a late word of its station that it did start counts.
"""

from typing import Final

#: Its session is known.
LINKED: Final = "remote_start.linked"
#: It was not sent, was rejected, or nothing is known of what became of it.
FAILED: Final = "remote_start.failed"
#: It was accepted, and no session came.
EXPIRED: Final = "remote_start.expired"
