"""PostgreSQL and NATS for a single machine: started, watched, restarted and stopped with Forecourt itself.

Owns their folders under the data folder and their processes, never a user account, a foreign permission or a system
service. At scale both are replaced by URLs and nothing of this is used.
"""

from forecourt.platform.embedded.nats import EmbeddedNats
from forecourt.platform.embedded.postgres import EmbeddedPostgres
from forecourt.platform.embedded.process import EmbeddedServerFailed, FolderInUse

__all__ = ["EmbeddedNats", "EmbeddedPostgres", "EmbeddedServerFailed", "FolderInUse"]
