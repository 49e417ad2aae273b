"""Pages of access: signing in, people and invitations, API keys, the audit, settings."""

from forecourt.access.pages.console import access_pages
from forecourt.access.pages.sign_in import TEMPLATES_DIR, authenticate_by

__all__ = ["TEMPLATES_DIR", "access_pages", "authenticate_by"]
