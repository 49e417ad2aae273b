"""Import of a sheet in two steps: what each line comes to and what must be mended, then doing it.

The page sends the file along from the first step to the second, so nothing is kept in between, and what is done is what
was shown unless the rows changed meanwhile.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from litestar import Request, Response
from litestar.datastructures import UploadFile
from msgspec import Struct

from forecourt.platform.sheets import MAX_LINES, SURPLUS, Plan, SheetRefused, as_sheet_text
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Lines of each kind that the page lists; the rest is counted.
MAX_LISTED: Final = 200
_REASONS: Final = {
    "lines": mark("The file has more than %(most)s lines. Cut it into several."),
    "line": mark("Line %(line)s can't be read: a quotation mark may be missing."),
    "missing": mark("The first line names no column %(column)s. Known columns: %(known)s."),
    "unknown": mark("The column “%(column)s” is not known. Known columns: %(known)s."),
    "twice": mark("The column %(column)s stands there twice."),
    "none": mark("The file can't be read as a table. Save it as CSV, with the names of its columns in the first line."),
}
#: Said by the reader of sheets, which knows no languages.
_SURPLUS: Final = mark(
    "the line has more cells than columns; a text with the separator in it must stand in quotation marks"
)
assert _SURPLUS == SURPLUS

WebRequest = Request[Any, Any, Any]


class ImportPage(Struct, frozen=True, kw_only=True):
    """What is imported: marked words, the columns with their rules, and a file to begin from."""

    path: str
    current: str
    back: str
    title: str
    intro: str
    columns: Mapping[str, str]
    example: str
    #: Columns that no line may leave empty, where it is more than the first.
    needed: tuple[str, ...] = ()


class Importer(Protocol):
    """Says what a sheet comes to, and does it unless `dry_run`. Raises SheetRefused."""

    async def __call__(self, csv: bytes | str, *, dry_run: bool) -> Plan: ...


class ImportScreen:
    """Both steps of one kind of import; the room that imports has the routes."""

    def __init__(self, shell: Shell, page: ImportPage) -> None:
        self._shell = shell
        self._page = page

    def choose(self, request: WebRequest) -> Response[str]:
        """The page on which a file is chosen."""
        return self._show(request)

    async def run(self, request: WebRequest, importer: Importer) -> Response[str]:
        """What the sent file comes to; with the field `do` it is done."""
        form = await request.form()
        upload, pasted = form.get("file"), str(form.get("csv") or "")
        content = await upload.read() if isinstance(upload, UploadFile) and upload.filename else pasted
        try:
            plan = await importer(content, dry_run=form.get("do") != "true")
        except SheetRefused as fault:
            with self._shell.speaking(request):
                words = _(_REASONS[fault.context.get("reason", "none")]) % fault.context
            return self._show(request, status=422, fault=words, csv=pasted)
        return self._show(request, plan=plan, csv=as_sheet_text(content))

    def _show(
        self, request: WebRequest, *, plan: Plan | None = None, csv: str = "", fault: str = "", status: int = 200
    ) -> Response[str]:
        return self._shell.page(
            "ui/import.html",
            request,
            viewer=request.scope["user"],
            current=self._page.current,
            page=self._page,
            most=MAX_LISTED,
            max_lines=MAX_LINES,
            plan=plan,
            csv=csv,
            fault=fault,
            status=status,
        )
