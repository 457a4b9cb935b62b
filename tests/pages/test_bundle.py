"""Modules are joined as they are meant; what is not understood is refused by file, line, rule and remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lintrans.errors import InputError
from lintrans.pages import module, script

TOY = Path(__file__).parent / "toy"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node")
RENDER = "export function render() {}\n"


@pytest.fixture
def write(tmp_path):
    def call(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.js").write_text(text)
        return tmp_path / f"{next(iter(files))}.js"

    return call


def run(code, *words):
    found = subprocess.run([NODE, *words, "-"], input=code, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


# What it means


@needs_node
def test_a_joined_script_does_what_its_modules_do(write):
    entry = write(
        entry="""// A comment above the imports.
import { add, Sum as Total, ONE } from "./numbers.js";
import {
  twice, // of a number
} from './twice.js'
console.log(JSON.stringify([add(ONE, 2), new Total().value, twice(4)]));
""",
        numbers="""export const ONE = 1;
export function add(x, y) { return x + y; }
export class Sum { value = 3; }
const hidden = "not exported";
""",
        twice="""import {add} from "./numbers.js";
const hidden = 2;
export async function later() { await 0; }
export function* count() { yield hidden; }
export const twice = (x) => add(x, x);
""",
    )
    assert json.loads(run(script(entry))) == [3, 3, 8]


@needs_node
def test_every_module_runs_once_after_those_that_it_imports(write):
    said = 'console.log("{}"); export const {} = 0;'
    entry = write(
        a='import {b} from "./b.js"; import {c} from "./c.js"; console.log("a");',
        b='import {d} from "./d.js";' + said.format("b", "b"),
        c='import {d} from "./d.js";' + said.format("c", "c"),
        d=said.format("d", "d"),
    )
    entry.write_text(entry.read_text().replace("; import", ";\nimport"))
    for name in "bc":
        path = entry.with_name(f"{name}.js")
        path.write_text(path.read_text().replace(";", ";\n").replace("export", "\nexport"))
    entry.with_name("d.js").write_text('console.log("d");\nexport const d = 0;\n')
    assert run(script(entry)).split() == ["d", "b", "c", "a"]


@needs_node
def test_a_script_is_strict_and_leaves_nothing_behind(write):
    entry = write(
        entry="var left = 1;\nexport function render() {}\ntry { undeclared = 1; } catch { left = 2; }\n"
    )
    assert run(script(entry) + "console.log(typeof left, typeof undeclared, typeof __module0);") == (
        "undefined undefined undefined\n"
    )


@needs_node
def test_the_starter_is_given_render(write):
    entry = write(
        entry='export function render() { return "drawn"; }\n',
        start="export function start(draw) { console.log(draw()); }\n",
    )
    assert run(script(entry, starter=entry.with_name("start.js"))) == "drawn\n"


@needs_node
def test_a_joined_module_exports_render_for_widgets(write, tmp_path):
    entry = write(entry='import { name } from "./name.js";\nexport const render = () => name;\n', name=NAME)
    (tmp_path / "joined.mjs").write_text(module(entry))
    place = (tmp_path / "joined.mjs").as_uri()
    code = f'import page from "{place}"; console.log(Object.keys(page), page.render());'
    assert run(code, "--input-type=module") == "[ 'render' ] Ann\n"


NAME = 'export const name = "Ann";\n'


def test_nothing_of_a_module_is_changed_but_imports_and_exports(write):
    body = 'const t = `import {x} from "./y.js" ${"export"}`; // export default\n'
    body += "/* import.meta */ const r = /eval(/;\n"
    entry = write(entry=f"{body}{RENDER}", other=NAME)
    assert body in script(entry)
    assert "\nfunction render() {}\nreturn {render};" in script(entry)


@needs_node
def test_folders_may_be_called_anything(write, tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "name.js").write_text(NAME)
    entry = write(entry='import { name } from "./from/name.js";\nconsole.log(name);\n')
    assert run(script(entry)) == "Ann\n"


@needs_node
def test_modules_may_use_any_name_of_their_own(write):
    taken = "const m0 = 1, m1 = 2, module = 3, $ = 4, __module = 5, _module0 = 6;\n"
    entry = write(
        entry=f'import {{ name }} from "./name.js";\n{taken}console.log(name, m0 + m1);\n',
        name=f"{taken}export const name = module;\n",
    )
    assert run(script(entry)) == "3 3\n"


@needs_node
def test_words_in_texts_and_comments_are_no_code():
    assert "twice as double" not in script(TOY / "toy.js")
    assert run(f"void 0;{script(TOY / 'numbers.js')}") == ""


# What is refused: the text of the file, the line, what the message says

REFUSED = {
    "default export": ("const a = 1;\nexport default a;", 2, ["must have a name", "export in front"]),
    "default function": ("export default function () {}", 1, ["must have a name"]),
    "list of exports": ("const a = 1;\n\nexport { a };", 3, ["where its name is defined"]),
    "export of all": ('export * from "./other.js";', 1, ["where its name is defined"]),
    "export of another's": ('export { name } from "./other.js";', 1, ["where its name is defined"]),
    "export of a variable": ("export let a = 1;", 1, ["function, class or const"]),
    "unpacked export": ("export const { a } = {};", 1, ["function, class or const"]),
    "indented export": ("{\n  export const a = 1;\n}", 2, ["function, class or const"]),
    "import of all": ('import * as other from "./other.js";', 1, ["name what it takes"]),
    "default import": ('import other from "./other.js";', 1, ["name what it takes"]),
    "bare import": ('import "./other.js";', 1, ["name what it takes"]),
    "dynamic import": ('const a = 1;\nconst b = import("./other.js");', 2, ["dynamic"]),
    "import.meta": ("const a = import.meta.url;", 1, ["import.meta", "argument"]),
    "late import": ('const a = 1;\nimport { name } from "./other.js";', 2, ["at the top"]),
    "package": ('import { name } from "other";', 1, ["relative path", '"./"']),
    "address": ('import { name } from "https://example.org/other.js";', 1, ["relative path"]),
    "missing file": ('import { name } from "./othr.js";', 1, ["must exist", "othr.js"]),
    "missing name": ('import { nme } from "./other.js";', 1, ["other.js has no nme", "it exports name"]),
    "private name": ('import { secret } from "./other.js";', 1, ["has no secret"]),
    "awaiting": ("const a = async () => await 1;\nawait a();", 2, ["await outside a function"]),
    "awaiting a value": ("const a = 1, b = await a;", 1, ["await outside a function"]),
    "eval": ('const a = (x) => {\n  return eval("x");\n};', 2, ["become code"]),
    "Function": ('const a = new Function("return 1");', 1, ["become code"]),
    "innerHTML": ("function a(el) {\n  el.innerHTML = 1;\n}", 2, ["markup", "textContent"]),
    "insertAdjacentHTML": ('const a = (el) => el.insertAdjacentHTML("afterend", 1);', 1, ["markup"]),
    "document.write": ("document.write(1);", 1, ["markup"]),
    "end of a script": ('const a = 1;\nconst b = "</SCRIPT>";', 2, ["</SCRIPT", "two pieces"]),
    "end of a script, in a comment": ("// </script>", 1, ["</script"]),
    "name of a scope": ("const a = 1;\nconst __module0 = 2;", 2, ["__module0", "another name"]),
    "name of a scope, in a template": ("const a = `${__module12}`;", 1, ["__module12", "another name"]),
    "comment of HTML": ("const a = 1 <!--b;", 1, ["<!--"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused(write, case):
    text, line, needles = REFUSED[case]
    entry = write(entry=f"{text}\n", other=f"{NAME}const secret = 1;\n")
    with pytest.raises(InputError) as caught:
        script(entry)
    message = str(caught.value)
    assert message.startswith(f"{entry}:{line}: ")
    assert f"got {text.splitlines()[line - 1].strip()!r}; " in message
    assert [needle for needle in needles if needle not in message] == []


@pytest.mark.parametrize("case", REFUSED)
def test_a_fault_in_an_imported_module_is_refused_there(write, case):
    text, line, _ = REFUSED[case]
    middle = f"{text}\n{'' if 'name' in text and 'export' in text else 'export const found = 1;'}\n"
    entry = write(entry='import { found } from "./middle.js";\n', middle=middle, other=NAME)
    with pytest.raises(InputError, match=rf"middle\.js:{line}: "):
        script(entry)


def test_modules_in_a_circle_are_refused(write):
    entry = write(
        a='import { b } from "./b.js";\nexport const a = 1;\n',
        b='// The second.\nimport { c } from "./c.js";\nexport const b = 1;\n',
        c='import { a } from "./a.js";\nexport const c = 1;\n',
    )
    with pytest.raises(InputError, match=r"c\.js:1: modules must not import each other in a circle"):
        script(entry)
    entry.write_text('import { a } from "./a.js";\nexport const x = 1;\n')
    with pytest.raises(InputError, match=r"a\.js:1: .* in a circle"):
        script(entry)


def test_a_missing_entry_or_a_missing_render_is_refused(write, tmp_path):
    with pytest.raises(InputError, match=r"no such file: .*none\.js; check the name"):
        script(tmp_path / "none.js")
    entry = write(entry="export function draw() {}\n")
    for joined in (module, lambda path: script(path, starter=path)):
        with pytest.raises(InputError, match=r"must export render, got \['draw'\]; export function render"):
            joined(entry)


UNDERSTOOD = {
    "await in a function": "async function f() {\n  for await (const x of y()) await x;\n}",
    "await in an arrow": "const f = async (x) => await x;",
    "property of that name": "const f = (x) => x.import + x.export + x.eval(1);",
    "longer names": "const important = 1, exported = 2, evaluate = (f) => f, isFunction = evaluate;",
    "regular expression": "const f = (x) => /[\"'`/]import {/.test(x);\nconst g = x / 2 / 3;",
    "escapes": 'const s = \'it\\\'s\', t = "\\"import(\\"", u = `\\`export`;',
    "nested template": "const s = `a ${[1].map((x) => `import ${x}`)} b`;",
    "comments": "/* export default\n import.meta */ // eval(1) innerHTML",
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_what_only_looks_alike_is_understood(write, case):
    text = UNDERSTOOD[case]
    assert text in script(write(entry=f"{text}\n{RENDER}"))
