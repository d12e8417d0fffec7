"""Modules as one plain script."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bitstream import CodecError
from codec.web.bundle import bundle

SOURCES = {
    "a/main.js": 'import { twice as double, ONE } from "../b.js";\nimport * as c from "./c.js";\n'
    "console.log(double(ONE), c.name, c.default, new c.Thing().x, typeof import.meta.url);\n",
    "b.js": 'export * from "./a/c.js";\nexport const ONE = 1;\nexport function twice(x) {\n  return 2 * x;\n}\n',
    "a/c.js": 'const hidden = "c";\nexport class Thing {\n  x = 3;\n}\nexport { hidden as name, Thing as default };\n',
}


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_a_bundle_does_what_its_modules_do(tmp_path):
    script = "globalThis.location = { href: 'http://host/x' };\n" + bundle("a/main.js", SOURCES.__getitem__)
    (tmp_path / "all.cjs").write_text(script)
    done = subprocess.run(["node", str(tmp_path / "all.cjs")], capture_output=True, text=True, timeout=60)
    assert done.stdout == "2 c [class Thing] 3 string\n", done.stderr


@pytest.mark.parametrize(
    "line",
    ['import x from "./b.js";', "export default 3;", 'import "./b.js";', 'export { a } from "./b.js";',
     "export const a = 1, b = 2;", "await 0;", "console.log(import.meta.env);", 'import { a } from "./main.js";'],
)  # fmt: skip
def test_other_forms_are_refused(line):
    with pytest.raises(CodecError, match=r"main.js: cannot be bundled"):
        bundle("main.js", {"main.js": f"{line}\n", "b.js": ""}.__getitem__)
