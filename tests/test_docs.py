"""The pages say what the code does: generated pages, commands, options, errors, links, examples."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

from maskprep import errors

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
_BLOCK = re.compile(r"^(```|~~~)(\w*)\n(.*?)^\1", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@cache
def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, code) for _, language, code in _BLOCK.findall(page.read_text())]


def _without_code(text: str) -> str:
    return _INDENTED.sub("", re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text)))


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ["cli.md", "columns.md", "config.md"])
def test_generated_pages_are_current(name):
    written = (DOCS / "reference" / name).read_text()
    assert written == _generator().PAGES[name](), "run: python docs/generate.py"


def test_every_command_and_option_is_in_the_reference():
    page = (DOCS / "reference" / "cli.md").read_text()
    for name, function in _generator().command_functions().items():
        section = page.partition(f"\n## maskprep {name}\n")[2].partition("\n## ")[0]
        assert section, name
        for parameter in _generator().command_parameters(function):
            assert parameter.names in section, (name, parameter.names)
            assert parameter.meaning, (name, parameter.names)


def test_every_setting_says_what_it_means():
    rows = re.findall(r"^\| `.*$", (DOCS / "reference" / "config.md").read_text(), re.MULTILINE)
    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_error_and_exit_code_is_in_the_reference():
    page = (DOCS / "reference" / "errors.md").read_text()
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.MaskprepError):
            code = "" if error is errors.MaskprepError else f" {error.exit_code}"
            assert f"| `{name}` |{code} |" in page


def test_every_key_of_a_manifest_is_in_the_reference(toy_corpus, toy_tokenizer, tmp_path):
    given = ["--documents", "file", "--tokenizer", toy_tokenizer, "--output", tmp_path / "shards"]
    command = [sys.executable, "-m", "maskprep", "prepare", toy_corpus, *given]
    subprocess.run(command, check=True, capture_output=True)
    manifest = json.loads((tmp_path / "shards" / "manifest.json").read_text())
    page = (DOCS / "reference" / "manifest.md").read_text()
    named = set(re.findall(r"`([\w.]+)`", page))
    assert set(manifest) <= named
    assert set(manifest["shards"][0]) <= named
    assert set(manifest["tokenizer"]) <= named
    for stage in [*manifest["history"], manifest]:
        for group in ("totals", "rates", "dropped", "changed"):
            assert {f"{group}.{key}" for key in stage[group]} <= named


def test_the_recipe_on_its_page_is_the_recipe():
    recipe = resources.files("maskprep.recipes").joinpath("bert.toml").read_text("utf-8")
    assert ("toml", recipe) in _blocks(DOCS / "how-to" / "copy-and-edit-a-recipe.md")


def test_every_promise_names_tests_that_exist():
    sections = re.split(
        r"^## ", (DOCS / "explanation" / "promises.md").read_text(), flags=re.MULTILINE
    )
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)\(", written, re.MULTILINE))
    for section in sections[1:]:
        named = set(re.findall(r"^- `(test_\w+)`", section, re.MULTILINE))
        assert named <= there, named - there
        assert named or "measured, not tested" in section, section.splitlines()[0]


def test_every_dependency_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = (DOCS / "explanation" / "dependencies.md").read_text()
    for requirement in project["dependencies"]:
        name, lowest = requirement.split(">=")
        assert re.search(rf"^\| `{name}`.*\| {re.escape(lowest)}[,.]", rows, re.MULTILINE), name


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    for link in _LINK.findall(_without_code(page.read_text())):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target.read_text()), link


def test_every_page_is_reached_from_the_index():
    reached = {DOCS / "index.md"}
    queue = list(reached)
    while queue:
        page = queue.pop()
        for link in _LINK.findall(_without_code(page.read_text())):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in reached:
                reached.add(target)
                queue.append(target)
    assert set(DOCS.rglob("*.md")) - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_examples_compile(page):
    for language, code in _blocks(page):
        if language == "python":
            compile(code, _name(page), "exec")


def _commands_of(text: str) -> list[list[str]]:
    """Return the words of every `maskprep ...` in shell code; continued lines are joined."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\||&&|;", line.strip().removeprefix("$ ")):
            words = shlex.split(part, comments=True) if part.strip().startswith("maskprep ") else []
            if words:
                found.append(words[1:])
    return found


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_shell_lines_use_commands_and_options_that_exist(page):
    functions = _generator().command_functions()
    code = [code for language, code in _blocks(page) if language in ("", "sh", "console")]
    code += _INDENTED.findall(_BLOCK.sub("", page.read_text()))
    for words in _commands_of("\n".join(code)):
        if words[0] in ("--help", "--version", "COMMAND"):
            continue
        assert words[0] in functions, words
        known = {"--help"} | {
            option
            for parameter in _generator().command_parameters(functions[words[0]])
            for option in re.findall(r"--?[\w-]+", parameter.names)
        }
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, words
