"""Text that people look for in a list: found anywhere, in whatever case."""

MAX_SEARCH_LENGTH = 200


def anywhere(text: str) -> str:
    """The pattern by which SQL's ILIKE finds a text anywhere, taking it as it is written."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
