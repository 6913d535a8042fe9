"""The manual on the box: the pages of `docs/` as HTML, in the officer's language where there is one, else in
English.

A page is `NAME.md`, in another language `NAME.CODE.md`. In the page of the screens (`help.md`) a comment
`<!-- screen: CODE CODE -->` stands before each section and says for which screens it is. Nothing is fetched
from outside: an address stands there to be read.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mistune

import appliance

PACKAGE: Final = Path(appliance.__file__).parent
HELP: Final = "help"
GUIDES: Final = (HELP, "operation", "recovery", "paper", "advance", "installation", "procurement")
"""For the people at the post, in this order; the other pages stand behind them."""
ENGLISH: Final = "en"
MAX_PAGE_BYTES: Final = 1024 * 1024
_FILE: Final = re.compile(r"([a-z0-9-]+)(?:\.([a-z]{2}))?\.md")
_TITLE: Final = re.compile(r"^# +(.+)$", re.MULTILINE)
_SCREEN: Final = re.compile(r"^<!-- screen: ([a-z_ ]+) -->\n", re.MULTILINE)
_PICTURE: Final = re.compile(r'<img src="([^"]*)" alt="([^"]*)"')
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_OUTSIDE: Final = re.compile(r"[a-z]+:")


@dataclass(frozen=True, slots=True)
class Page:
    """One page as HTML."""

    name: str
    title: str
    language: str
    html: str


class Manual:
    """The pages of one folder; `folder` None: as installed, or of the checkout."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _own_folder()
        self._files: dict[tuple[str, str], Path] = {}
        for path in sorted(self._folder.glob("*.md")):
            if found := _FILE.fullmatch(path.name):
                self._files[found[1], found[2] or ENGLISH] = path
        self._pictures = {
            path.relative_to(self._folder).as_posix(): path for path in self._folder.rglob("*.png")
        }
        self.page = functools.cache(self._page)

    def picture(self, name: str) -> bytes | None:
        """The PNG that the pages call by this name; None for any other."""
        path = self._pictures.get(name)
        return path.read_bytes() if path else None

    def names(self) -> tuple[str, ...]:
        """Every page, the guides first."""
        names = dict.fromkeys(name for name, _language in self._files)
        guides = [name for name in GUIDES if name in names]
        return (*guides, *(name for name in names if name not in GUIDES))

    def title(self, name: str, language: str) -> str:
        """What the page is called; its name where it says nothing."""
        found = self._text(name, language)
        title = _TITLE.search(found[0]) if found else None
        return title[1] if title else name

    def _page(self, name: str, language: str) -> Page | None:
        """The page in this language, else in English; None where there is none."""
        found = self._text(name, language)
        if found is None:
            return None
        text, language = found
        html = self._render(text)
        return Page(name=name, title=self.title(name, language), language=language, html=html)

    def screen(self, code: str, language: str) -> Page | None:
        """What the page of the screens says of this one."""
        found = self._text(HELP, language)
        if found is None:
            return None
        text, language = found
        parts = _SCREEN.split(text)[1:]
        for codes, section in zip(parts[::2], parts[1::2], strict=True):
            if code in codes.split():
                heading = re.search(r"^#+ +(.+)$", section, re.MULTILINE)
                title = heading[1] if heading else code
                return Page(name=HELP, title=title, language=language, html=self._render(section))
        return None

    def screens(self, language: str) -> Iterable[str]:
        """Every screen that the page of this very language speaks of."""
        path = self._files.get((HELP, language))
        text = path.read_text("utf-8") if path else ""
        return (code for codes in _SCREEN.findall(text) for code in codes.split())

    def _text(self, name: str, language: str) -> tuple[str, str] | None:
        for wanted in (language, ENGLISH):
            path = self._files.get((name, wanted))
            if path is not None and path.stat().st_size <= MAX_PAGE_BYTES:
                return path.read_text("utf-8"), wanted
        return None

    def _render(self, text: str) -> str:
        renderer = _Renderer({name for name, _ in self._files}, set(self._pictures))
        return str(mistune.create_markdown(renderer=renderer, plugins=["table"])(_COMMENT.sub("", text)))


class _Renderer(mistune.HTMLRenderer):
    """HTML without anything from outside; of what is HTML in a page only its pictures are shown."""

    def __init__(self, pages: set[str], pictures: set[str]) -> None:
        super().__init__(escape=True)
        self._pages = pages
        self._pictures = pictures

    def heading(self, text: str, level: int, **_attributes: Any) -> str:
        plain = re.sub(r"<[^>]+>", "", text).lower()
        anchor = re.sub(r"[^\w -]", "", plain).strip().replace(" ", "-")
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002
        path, _, anchor = url.partition("#")
        found = _FILE.fullmatch(path)
        if not path:
            return f'<a href="#{mistune.escape(anchor)}">{text}</a>'
        if found and found[1] in self._pages:
            after = f"#{mistune.escape(anchor)}" if anchor else ""
            return f'<a href="/manual/{found[1]}{after}">{text}</a>'
        return f"{text} ({mistune.escape(url)})" if _OUTSIDE.match(url) else text

    def image(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002
        if url not in self._pictures:
            return f"<em>{mistune.escape(text)}</em>"
        return f'<img src="/manual/picture/{url}" alt="{mistune.escape(text)}">'

    def block_html(self, html: str) -> str:
        return "".join(self.image(alt, source) for source, alt in _PICTURE.findall(html))

    inline_html = block_html


def _own_folder() -> Path:
    installed = PACKAGE / "manual"
    return installed if installed.is_dir() else PACKAGE.parent / "docs"
