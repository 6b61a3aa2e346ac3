"""README and the guide are executed; so is the machinery that does it, on small pages."""

import time
from pathlib import Path

import markdown_examples
import psutil
import pytest
from markdown_examples import ROOT, ExampleFailed, matches, read_blocks, run_page

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_as_they_stand(page: Path, tmp_path: Path):
    run_page(page, tmp_path)


def test_readme_has_examples_that_are_run():
    blocks = read_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {block.language for block in blocks} == {"console", "python"}


def run_text(text: str, folder: Path) -> int:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return run_page(page, folder)


def test_blocks_share_folder_environment_and_names(tmp_path):
    page = """
# A page

```console
$ cd examples/churn && export GREETING=hello
$ echo "$GREETING" > greeting.txt
```

```python
from pathlib import Path

text = Path("greeting.txt").read_text()
```

Words between.

```python
assert text == "hello\\n"
Path("answer.txt").write_text(text.upper())
print("no end of line", end="")
```

```console
$ cat answer.txt
HELLO
```
"""
    assert run_text(page, tmp_path) == 4


def test_the_environment_and_the_examples_are_at_hand(tmp_path):
    page = """
```console
$ head -c 7 examples/churn/data/raw/customers.csv
"churn"
$ basename "$(dirname "$(command -v python)")"
bin
$ python -c 'import runcard; print(runcard.__name__)'
runcard
```
"""
    run_text(page, tmp_path)


def test_what_is_not_run(tmp_path):
    page = """
<!-- not run -->

```console
$ false
```

<!-- not run -->
```python
raise SystemExit(1)
```

```bash
exit 1
```

```text
$ false
```
"""
    assert run_text(page, tmp_path) == 0


def test_output_without_expectation_is_not_compared(tmp_path):
    run_text("```console\n$ echo anything\n$ true\n```\n", tmp_path)


def test_a_command_may_go_on_in_the_next_line(tmp_path):
    run_text("```console\n$ echo one \\\n>   two\none two\n```\n", tmp_path)


def test_an_announced_exit_code(tmp_path):
    run_text("```console\n# exit 3\n$ echo no; exit 3\nno\n$ echo yes\nyes\n```\n", tmp_path)


def test_output_is_stdout_and_stderr(tmp_path):
    run_text("```console\n$ echo one; echo two >&2\none\ntwo\n```\n", tmp_path)


def test_what_a_command_leaves_running_is_ended(tmp_path):
    run_text("```console\n$ sleep 300 & echo $! > pid\n```\n", tmp_path)
    pid = int((tmp_path / "pid").read_text())
    assert any(ended(pid) or time.sleep(0.05) for _ in range(100))


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_command_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(markdown_examples, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(ExampleFailed, match="exit 124, not 0"):
        run_text("```console\n$ sleep 300\n```\n", tmp_path)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```console\n$ exit 4\n```\n", "page.md:2: $ exit 4\nexit 4, not 0"),
        ("words\n\n```console\n# exit 2\n$ true\n```\n", "page.md:5: $ true\nexit 0, not 2"),
        ("```console\n$ echo one\ntwo\n```\n", "the page says:\ntwo\n\nit printed:\none"),
        ("```console\necho one\n```\n", "line 2: a console block begins with"),
        ("```python\nx = 1\nassert x == 2\n```\n", 'File "page.md:2", line 2'),
        ("```python\nimport sys\nsys.exit(0)\n```\n", "page.md:2"),
    ],
)
def test_an_example_that_fails_says_where(page, message, tmp_path):
    with pytest.raises(ExampleFailed) as caught:
        run_text(page, tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "output", "equal"),
    [
        ("a", "a\n", True),
        ("a", "b\n", False),
        ("a", "a\nb\n", False),
        ("fitted in ... s", "fitted in 1.25 s\n", True),
        ("fitted in ... s", "fitted in 1\n2 s\n", False),
        ("a\n...\nd", "a\nb\nc\nd\n", True),
        ("a\n...\nd", "a\nd\n", True),
        ("a\n...", "a\n", True),
        ("...\nd", "a\nd\n", True),
        ("a\n...\nd", "a\nb\n", False),
        ("rank  roc_auc\n1     ...", "rank roc_auc   \n1    0.8431 ± 0.01\n", True),
        ("a.c", "abc\n", False),
    ],
)
def test_output_is_compared_loosely(expected, output, equal):
    assert matches(expected, output) is equal
