"""Join ES modules into one script, so that a page is one file and needs no build tool.

Every module becomes a function scope, ``const __module3 = (() => { ...; return {names}; })();``, after those
that it imports. What is understood is a part of the language, and anything else is refused:

    import {a, b as c} from "./file.js";       at the top of the file, by a relative path
    export function f / class C / const x      one name each

Refused as well is what could run text of a user as code, what would end a script element early, and the names
of the scopes themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lintrans.errors import InputError

_NOT_CODE = re.compile(
    r"""
    //[^\n]* | /\*.*?\*/
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    | `(?:\\.|\$\{(?:[^`{}]|\{[^{}]*\}|`(?:\\.|[^`\\])*`)*\}|[^`\\])*+`
    | (?:(?<=[(,=:\[!&|?{};>])|(?<=\breturn))[ ]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/
    """,
    re.VERBOSE | re.DOTALL,
)
_IMPORT = re.compile(
    r"""^import\s*\{(?P<names>[\w$\s,]*)\}\s*from\s*(?P<quote>["'])(?P<path>[ ]*)(?P=quote);?""", re.MULTILINE
)
_EXPORT = re.compile(
    r"^(?P<word>export\s+)(?:(?:async\s+)?function\s*\*?|class|const)\s+(?P<name>[\w$]+)", re.MULTILINE
)
_SCOPE = "__module"
_SCOPES = re.compile(rf"{_SCOPE}\d+")
_ENDS_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)

_STATIC = 'write import {name} from "./file.js"; at the top'
_ONE_NAME = "write export in front of the function, class or const"
_CODE = "write the code itself"
_NODES = "make elements, and set their textContent"
_WORD = r"(?<![\w$.])"
_REFUSED = tuple(
    (re.compile(pattern), rule, remedy)
    for pattern, rule, remedy in (
        (rf"{_WORD}import\s*\(", "an import must not be dynamic", _STATIC),
        (rf"{_WORD}import\s*\.", "a module must not read import.meta", "pass it as an argument"),
        (rf"{_WORD}import\b", "an import must name what it takes from a file", _STATIC),
        (rf"{_WORD}export\s+default\b", "an export must have a name", _ONE_NAME),
        (rf"{_WORD}export\s*[{{*]", "an export must stand where its name is defined", _ONE_NAME),
        (rf"{_WORD}export\b", "an export must be one function, class or const", _ONE_NAME),
        (rf"{_WORD}(?:eval|Function)\s*\(", "text must not become code", _CODE),
        (r"\b(?:inner|outer)HTML\b|\binsertAdjacentHTML\b", "text must not become markup", _NODES),
        (r"\bdocument\s*\.\s*write\b", "text must not become markup", _NODES),
    )
)


def script(entry: Path, *, starter: Path | None = None) -> str:
    """Join a module and all that it imports into one classic script.

    Parameters
    ----------
    entry
        The module.
    starter
        A module that exports ``start``. The script then ends with ``start(render)``, where ``render`` is
        exported by ``entry``.

    Raises
    ------
    InputError
        If a file is missing or goes beyond the part of the language that is understood; the message names
        the file, the line, the rule and the remedy.
    """
    modules = _Modules()
    last = [] if starter is None else [modules.taken(entry, "render"), modules.taken(starter, "start")]
    modules.add(entry)
    call = [*last, "start(render);"] if last else []
    return "\n".join(["(() => {", '"use strict";', *modules.scopes(), *call, "})();", ""])


def module(entry: Path) -> str:
    """Join a module and all that it imports into one ES module, ``export default {render}``.

    Raises
    ------
    InputError
        As `script`.
    """
    modules = _Modules()
    last = modules.taken(entry, "render")
    return "\n".join([*modules.scopes(), last, "export default {render};", ""])


@dataclass(frozen=True)
class _Import:
    """One import statement: where it stands, what it takes and from where."""

    start: int
    end: int
    names: tuple[tuple[str, str], ...]
    path: str
    target: Path


@dataclass(frozen=True, eq=False)
class _Module:
    """A module, read and checked."""

    path: Path
    source: str
    imports: tuple[_Import, ...]
    exports: tuple[re.Match[str], ...]

    @classmethod
    def read(cls, path: Path) -> _Module:
        source = path.read_text(encoding="utf-8")
        code = _code_of(source)
        imports = tuple(_imports(path, source, code))
        exports = tuple(_EXPORT.finditer(code))
        found = cls(path, source, imports, exports)
        for place, rule, remedy in (*_faults(code, found), *_texts(source)):
            raise found.refusal(place, rule, remedy)
        return found

    @property
    def names(self) -> list[str]:
        """Names that it exports."""
        return [match["name"] for match in self.exports]

    def refusal(self, place: int, rule: str, remedy: str) -> InputError:
        """Error at a place of the source."""
        line = self.source.count("\n", 0, place)
        shown = self.source.splitlines()[line].strip()
        return InputError(f"{self.path}:{line + 1}: {rule}, got {shown!r}; {remedy}")

    def scope(self, number: dict[Path, int]) -> str:
        """Return the module as a function scope; modules are called by their numbers."""
        changes = [(match.start("word"), match.end("word"), "") for match in self.exports]
        for taken in self.imports:
            names = ", ".join(a if a == b else f"{a}: {b}" for a, b in taken.names)
            changes.append((taken.start, taken.end, f"const {{{names}}} = {_SCOPE}{number[taken.target]};"))
        body = self.source
        for start, end, text in sorted(changes, reverse=True):
            body = body[:start] + text + body[end:]
        head = f"const {_SCOPE}{number[self.path]} = (() => {{ // {self.path.name}"
        return f"{head}\n{body.rstrip()}\nreturn {{{', '.join(self.names)}}};\n}})();"


class _Modules:
    """Modules, each once, in the order in which they must run."""

    def __init__(self) -> None:
        self._done: dict[Path, _Module] = {}
        self._begun: list[Path] = []

    def add(self, path: Path) -> _Module:
        """Read a module, after all that it imports."""
        path = path.resolve()
        if path in self._done:
            return self._done[path]
        if not path.is_file():
            raise InputError(f"a module must be a file, got no such file: {path}; check the name")
        self._begun.append(path)
        found = _Module.read(path)
        for taken in found.imports:
            self._check(found, taken)
        self._begun.pop()
        self._done[path] = found
        return found

    def taken(self, path: Path, name: str) -> str:
        """Statement that takes a name from a module."""
        found = self.add(path)
        if name not in found.names:
            raise InputError(f"{found.path} must export {name}, got {found.names}; export function {name}")
        return f"const {{{name}}} = {_SCOPE}{self._numbers()[found.path]};"

    def scopes(self) -> list[str]:
        """Return all modules as function scopes."""
        return [found.scope(self._numbers()) for found in self._done.values()]

    def _numbers(self) -> dict[Path, int]:
        return {path: i for i, path in enumerate(self._done)}

    def _check(self, found: _Module, taken: _Import) -> None:
        """Read what an import names, and see that it has the names."""
        if taken.target in self._begun:
            rule = "modules must not import each other in a circle"
            raise found.refusal(taken.start, rule, "move what both need to a third module")
        if not taken.target.is_file():
            raise found.refusal(taken.start, "an imported file must exist", "check its name and folder")
        known = self.add(taken.target).names
        for name, _ in taken.names:
            if name not in known:
                rule = f"an imported name must be exported, but {taken.target.name} has no {name}"
                raise found.refusal(taken.start, rule, f"it exports {', '.join(known) or 'nothing'}")


def _code_of(source: str) -> str:
    """Blank out comments and texts, keeping the quotes and every place."""

    def blank(match: re.Match[str]) -> str:
        text = re.sub(r"[^\n]", " ", match[0])
        quote = match[0][0]
        return f"{quote}{text[1:-1]}{quote}" if quote in "\"'`" else text

    return _NOT_CODE.sub(blank, source)


def _imports(path: Path, source: str, code: str) -> Iterator[_Import]:
    for match in _IMPORT.finditer(code):
        named = [words.split() for words in match["names"].split(",") if words.strip()]
        names = tuple((words[0], words[-1]) for words in named)
        written = source[match.start("path") : match.end("path")]
        yield _Import(match.start(), match.end(), names, written, (path.parent / written).resolve())


def _faults(code: str, found: _Module) -> Iterator[tuple[int, str, str]]:
    """Places of code that goes beyond what is understood, with the rule and the remedy."""
    rest = code
    for taken in found.imports:
        if rest[: taken.start].strip():
            yield taken.start, "imports must stand at the top", "move it above the code"
        if not taken.path.startswith(("./", "../")):
            yield taken.start, "an import must have a relative path", 'begin it with "./" or "../"'
        rest = rest[: taken.start] + " " * (taken.end - taken.start) + rest[taken.end :]
    for match in found.exports:
        rest = rest[: match.start()] + " " * 6 + rest[match.start() + 6 :]
    for pattern, rule, remedy in _REFUSED:
        for match in pattern.finditer(rest):
            yield match.start(), rule, remedy
    yield from _awaits(rest)


def _awaits(code: str) -> Iterator[tuple[int, str, str]]:
    """Places where a module would wait while it is loaded."""
    for match in re.finditer(r"(?<![\w$.])await\b", code):
        before = code[: match.start()]
        depth = sum(before.count(c) for c in "{([") - sum(before.count(c) for c in "})]")
        if depth == 0 and "=>" not in re.split(r"[;}]", before)[-1]:
            yield match.start(), "a module must not await outside a function", "await in an async function"


def _texts(source: str) -> Iterator[tuple[int, str, str]]:
    """Places that would end the script element around them, open a comment in it, or name a scope."""
    for match in _SCOPES.finditer(source):
        yield match.start(), f"{match[0]} is the name of a joined module", "choose another name"
    for match in _ENDS_SCRIPT.finditer(source):
        yield match.start(), f"a script must not contain {match[0]}", "write the text in two pieces"
