"""How the program behaves in a shell: each test runs it as a process of its own."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from advisor.output import PLAIN, escaped

PROJECT = Path(__file__).parents[1]
RECORDED = str(PROJECT / "tests/advisor/desktop.json")

COMMANDS = {
    "scan": ["scan", "--machine", RECORDED, "--max-params", "4B"],
    "scan of a device": ["scan", "--device", "RTX 4090", "--max-params", "4B", "--all"],
    "show": ["show", "llama-3.2-1b", "--machine", RECORDED],
    "estimate": ["estimate", "qwen3-8b", "--device", "RTX 3060 12GB", "--explain"],
    "devices": ["devices", "llama-3.2-1b"],
    "models": ["models"],
    "doctor": ["doctor", "--machine", RECORDED],
    "verify": ["verify", str(PROJECT / "tests/gguf/valid/blocks.gguf")],
    "help": ["--help"],
    "help of a command": ["scan", "--help"],
    "version": ["--version"],
}
IN_JSON = {name: [*words, "--json"] for name, words in list(COMMANDS.items())[:8]}
QUICK = ["models", "llama"]
"""A command that prints a table in a tenth of a second."""

COPIED = ("llama-server ", "ollama run ", "lms ")
"""What is copied into a shell is never broken over lines."""

posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full and /proc")
every_command = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
every_json = pytest.mark.parametrize("words", IN_JSON.values(), ids=IN_JSON)

OUTPUTS = {
    "text": COMMANDS["estimate"],
    "json": IN_JSON["models"],
    "help": COMMANDS["help"],
    "help of a command": COMMANDS["help of a command"],
    "version": COMMANDS["version"],
}
every_output = pytest.mark.parametrize("words", OUTPUTS.values(), ids=OUTPUTS)
"""Each way in which something reaches standard output."""


@pytest.fixture(scope="session")
def told(run):
    """What a command says to a pipe, once it ended well: `told("models")`."""

    @cache
    def said(*words):
        done = run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return said


def is_one_sentence(text, *, hint=True):
    """An error as the program writes them: a sentence, an empty line, a hint."""
    pattern = r"Error: [^\n]+[^.\n]\n" + (r"(\nHint: [^\n]+\n)?" if hint else "")
    return re.fullmatch(pattern, text) is not None


def too_wide(text, width):
    """Lines beyond a width, but for what a reader copies whole: commands and paths."""
    return [
        line
        for line in text.splitlines()
        if len(line) > width
        and not line.strip().startswith(COPIED)
        and not re.fullmatch(r"\s*(File  +)?[\w./-]+", line)
    ]


# Width


@every_command
def test_a_pipe_gets_80_columns_without_colour(told, words):
    assert "\x1b" not in told(*words)
    assert too_wide(told(*words), 80) == []


@pytest.mark.parametrize("columns", ["40", "0", "-7", "many"])
def test_no_width_is_too_odd(run, told, columns):
    done = run(*QUICK, env={"COLUMNS": columns})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:2] == told(*QUICK).split()[:2]


def test_200_columns_show_more_and_break_less(run, told):
    narrow = told(*COMMANDS["scan"])
    wide = run(*COMMANDS["scan"], env={"COLUMNS": "200"})
    assert "at worst" in wide.stdout.partition("Evidence")[0]
    assert "at worst" not in narrow.partition("Evidence")[0]
    assert len(wide.stdout.splitlines()) < len(narrow.splitlines())
    assert too_wide(wide.stdout, 200) == []


# Terminals


def on_a_terminal(run, words, *, columns=100, **env):
    """What the program writes to a pseudo-terminal."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        run.command(*words),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=run.with_variables({"TERM": "xterm-256color", **env}),
    ) as process:
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


def without_colour(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@posix
def test_colour_adds_nothing_that_the_words_lack(run):
    seen = on_a_terminal(run, COMMANDS["estimate"])
    assert "\x1b[1m" in seen
    piped = run(*COMMANDS["estimate"], env={"COLUMNS": "100"})
    assert without_colour(seen) == piped.stdout


@posix
def test_a_terminal_is_filled_as_wide_as_it_is(run):
    piped = run(*QUICK, env={"COLUMNS": "150"})
    assert without_colour(on_a_terminal(run, QUICK, columns=150)) == piped.stdout


@posix
@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_nobody_gets_colour_who_refuses_it(run, env):
    assert "\x1b" not in on_a_terminal(run, QUICK, **env)


# Consoles that lack our characters


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        *((pytest.param(words, "ascii", id=name)) for name, words in COMMANDS.items()),
        pytest.param(COMMANDS["scan"], "cp1252", id="scan on cp1252"),
        pytest.param(COMMANDS["estimate"], "cp1252", id="estimate on cp1252"),
    ],
)
def test_a_console_without_our_characters_gets_readable_ones(run, told, words, encoding):
    whole = told(*words)
    seen = run.bytes(*words, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert seen.returncode == 0
    assert seen.stderr == b""
    assert seen.stdout.decode(encoding).replace("\r\n", "\n") == plainly(whole, encoding)


def plainly(text, encoding):
    """The text with what stands in `PLAIN` for each letter that the encoding lacks."""

    def has(letter):
        return letter.encode(encoding, "ignore") != b""

    return "".join(letter if has(letter) else PLAIN[letter] for letter in text)


def strings_of(path):
    """The strings in a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    talk = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in talk:
            yield node.value


def test_every_character_we_write_has_a_plain_one():
    lacking = {}
    for path in sorted(
        path
        for package in ("advisor", "probes", "catalog")
        for path in (PROJECT / package).rglob("*")
    ):
        if path.suffix == ".py":
            text = "".join(strings_of(path))
        elif path.suffix in {".csv", ".json"}:
            text = path.read_text(encoding="utf-8")
        else:
            continue
        if path.name == "plain.py":  # the bounds of what cannot be printed at all
            text = re.sub("[\x7f-\x9f\ud800-\udfff]", "", text)
        if missing := {letter for letter in text if not letter.isascii()} - set(PLAIN):
            lacking[path.relative_to(PROJECT)] = missing
    assert lacking == {}


@every_json
def test_json_on_a_console_without_our_characters_is_ascii_with_escapes(run, told, words):
    whole = json.loads(told(*words))
    seen = run.bytes(*words, env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert seen.returncode == 0
    assert seen.stdout.isascii()
    assert without_free_space(json.loads(seen.stdout)) == without_free_space(whole)


def without_free_space(answer):
    """The disk's free space is the one figure that may change between two runs."""
    return {name: value for name, value in answer.items() if name != "hub_cache_free_bytes"}


def test_json_beyond_the_first_plane_is_escaped_in_pairs():
    written = json.dumps({"name": "a 🦙 × 2"}, ensure_ascii=False)
    assert json.loads(escaped(written)) == {"name": "a 🦙 × 2"}
    assert escaped(written).isascii()


def test_an_error_is_readable_on_an_ascii_console(run):
    seen = run.bytes("show", "nobody×", env={"PYTHONIOENCODING": "ascii"})
    assert seen.returncode == 2
    assert seen.stderr.startswith(b"Error: `nobodyx` is not a model in the catalog")


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": None},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": None, "PYTHONUTF8": "0"},
    ],
    ids=["C", "C, and Python keeps to it", "no locale"],
)
@pytest.mark.parametrize("name", ["estimate", "models"])
def test_a_plain_locale_changes_no_word(run, told, name, env):
    whole = told(*COMMANDS[name])
    seen = run.bytes(*COMMANDS[name], env=env)
    assert seen.returncode == 0
    assert seen.stderr == b""
    assert seen.stdout.decode() in {whole, plainly(whole, "ascii")}


# Readers that go away, disks that are full, streams that are closed


@posix
@every_output
def test_a_reader_that_has_gone_ends_the_program_without_a_word(run, words):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(*words, stdout=writer)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


@posix
@pytest.mark.parametrize("words", [IN_JSON["models"], COMMANDS["models"]], ids=["json", "text"])
def test_a_reader_of_one_line_sees_one_line(run, words):
    script = '"$@" | head -n 1; echo "${PIPESTATUS[0]}"'
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    done = subprocess.run(
        ["bash", "-c", script, "bash", *run.command(*words)],
        capture_output=True,
        text=True,
        env=run.environ,
        check=True,
    )
    first, status = done.stdout.splitlines()
    assert first in {"{", "271 models"}
    assert status in {"0", "141"}
    assert done.stderr == ""


@linux
@every_output
def test_a_full_disk_is_one_sentence(run, words):
    with Path("/dev/full").open("wb") as full:
        done = run(*words, stdout=full)
    assert done.returncode == 74
    assert is_one_sentence(done.stderr)
    assert "No space left on device" in done.stderr


def through_a_shell(run, words, redirection, **how):
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *run.command(*words)],
        capture_output=True,
        text=True,
        env=run.environ,
        check=False,
        **how,
    )


@posix
@pytest.mark.parametrize("name", ["estimate", "help", "version"])
def test_a_closed_stdout_is_one_sentence(run, name):
    words = COMMANDS[name]
    done = through_a_shell(run, words, ">&-")
    assert done.returncode == 74
    assert is_one_sentence(done.stderr)


@posix
def test_a_closed_stderr_costs_no_answer(run):
    done = through_a_shell(run, QUICK, "2>&-")
    assert (done.returncode, done.stdout) == (0, run(*QUICK).stdout)
    done = through_a_shell(run, ["show", "no-such-model"], "2>&-")
    assert (done.returncode, done.stdout) == (2, "")


@posix
def test_a_closed_stdin_matters_only_to_who_reads_it(run):
    assert through_a_shell(run, QUICK, "<&-").returncode == 0
    done = through_a_shell(run, ["estimate", "-"], "<&-")
    assert done.returncode == 2
    assert is_one_sentence(done.stderr)


@linux
def test_a_full_disk_for_errors_too_still_has_its_exit_code(run):
    assert through_a_shell(run, ["show", "no-such-model"], "2>/dev/full").returncode == 2
    assert through_a_shell(run, QUICK, ">/dev/full 2>&1").returncode == 74


# Homes and folders

NOWHERE = os.devnull + "/nowhere"
"""A folder that nobody can make, root included."""


@pytest.mark.parametrize(
    "env",
    [
        {"HOME": None, "USERPROFILE": None, "LOCALAPPDATA": None},
        {"HOME": "", "XDG_CACHE_HOME": ""},
        {"HOME": NOWHERE, "LOCALAPPDATA": NOWHERE},
        {"HOME": None, "XDG_CACHE_HOME": NOWHERE},
        {"XDG_CACHE_HOME": "relative/folder"},
    ],
    ids=["unset", "empty", "unwritable", "an unwritable cache", "a relative cache"],
)
def test_no_home_directory_is_needed(run, env, tmp_path):
    done = run("scan", "--no-measure", "--max-params", "1B", env=env, cwd=tmp_path)
    assert done.returncode in {0, 1}
    assert done.stderr == ""
    assert done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("home", [None, "", NOWHERE], ids=["unset", "empty", "unwritable"])
def test_a_diagnosis_needs_no_home_directory_either(run, home, tmp_path):
    done = run(*COMMANDS["doctor"], env={"HOME": home, "USERPROFILE": home}, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_a_measurement_that_cannot_be_kept_is_a_note(run):
    done = run("doctor", "--measure", env={"XDG_CACHE_HOME": NOWHERE, "LOCALAPPDATA": NOWHERE})
    assert done.returncode in {0, 3}
    assert done.stderr == ""
    if "not measured" not in done.stdout:  # on what cannot be measured nothing is kept
        assert "is not kept for the next run" in done.stdout


@posix
def test_a_folder_in_which_nothing_can_be_written_does(run, told, tmp_path):
    tmp_path.chmod(0o555)
    folders = [tmp_path, Path("/proc") if sys.platform == "linux" else tmp_path]
    assert [run(*QUICK, cwd=folder).stdout for folder in folders] == [told(*QUICK)] * 2


WATCHER = """
import os
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

def refuse(event, arguments):
    if event.startswith("socket.") and event not in {"socket.__new__", "socket.gethostname"}:
        raise AssertionError(f"this asks the network: {event}")
    if event == "open" and arguments[2] & WRITES and arguments[0] != os.devnull:
        raise AssertionError(f"this writes a file: {arguments[0]}")

sys.addaudithook(refuse)
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Variables under which whoever asks the network or writes a file fails."""
    folder = tmp_path_factory.mktemp("watcher")
    (folder / "sitecustomize.py").write_text(WATCHER)
    return {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import socket; socket.getaddrinfo('localhost', 80)", "this asks the network"),
        ("import socket; socket.socket().connect(('127.0.0.1', 9))", "this asks the network"),
        ("open('something', 'w')", "this writes a file: something"),
    ],
)
def test_the_watcher_notices(run, watched, script, said, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=run.with_variables(watched),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert said in done.stderr


@every_command
def test_no_command_needs_the_network_or_writes_a_file(run, watched, words):
    done = run(*words, env=watched)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_scan_of_this_machine_needs_neither(run, watched):
    done = run("scan", "--no-measure", "--max-params", "1B", env=watched)
    assert done.returncode in {0, 1}
    assert done.stderr == ""


# Warnings


@every_command
def test_no_command_warns(run, words):
    done = run(*words, python=["-X", "dev", "-W", "error"])
    assert done.stderr == ""
    assert done.returncode in {0, 1}


@pytest.mark.parametrize("name", ["advisor", "gguf-advisor"])
def test_both_console_scripts_do_the_same_without_a_warning(run, told, name):
    script = shutil.which(name, path=str(Path(sys.executable).parent))
    assert script, f"`{name}` is not installed"
    done = subprocess.run(
        [script, *QUICK],
        env=run.with_variables({"PYTHONWARNINGS": "error"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (told(*QUICK), "")


# Ctrl-C, progress


@posix
def test_ctrl_c_ends_the_program_without_a_traceback(run):
    with subprocess.Popen(
        run.command("estimate", "-", "--device", "RTX 4090"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=run.environ,
    ) as process:
        process.stdin.write(b'{"model": "llama-3.2-1b", "quant": "Q4_K_M"}\n')
        process.stdin.flush()
        answered = process.stdout.readline()  # it now waits for the next request
        for _ in range(50):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
            if process.poll() is not None:
                break
        said = process.stderr.read()
        process.kill()
    assert json.loads(answered)["model"] == "llama-3.2-1b-instruct"
    assert process.returncode == 130
    assert said.strip() == b""


class Stream:
    """A stream that is a terminal, or not, and keeps what is written."""

    def __init__(self, *, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text

    def flush(self):
        """Nothing is buffered."""


@pytest.mark.parametrize("terminal", [True, False], ids=["a terminal", "a pipe"])
def test_progress_is_told_to_a_terminal_only(terminal, monkeypatch):
    import probes.detect
    from advisor.situation import machine_of

    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(probes.detect, "detect", lambda asker, measure, progress: progress())
    machine_of(None, None)
    assert stream.text == ("timing how fast this machine reads its memory …\n" if terminal else "")


def test_a_pipe_hears_nothing_of_a_measurement(run):
    done = run("doctor", "--measure")
    assert done.stderr == ""


# Packages of others


@pytest.mark.parametrize("name", ["probes", "catalog"])
def test_another_package_of_the_same_name_is_one_sentence(run, name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    done = run(*QUICK, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stdout == ""
    assert is_one_sentence(done.stderr)
    assert done.stderr.startswith(f"Error: another package named `{name}` ({tmp_path / name}")


def test_another_package_that_does_not_even_import_is_one_sentence(run, tmp_path):
    (tmp_path / "probes.py").write_text("import a_module_that_nobody_has")
    done = run(*QUICK, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert is_one_sentence(done.stderr)


def test_a_folder_of_data_with_our_name_hides_nothing(run, tmp_path):
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "spring.pdf").write_text("")
    assert run(*QUICK, cwd=tmp_path).returncode == 0


# Bugs


def test_a_bug_is_reported_as_one(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import catalog.shelf\n"
        "def broken(*_, **__):\n"
        "    raise ZeroDivisionError('a bug')\n"
        "catalog.shelf.load_models = broken\n"
    )
    done = run("models", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 70
    assert done.stdout == ""
    assert "ZeroDivisionError: a bug" in done.stderr
    assert "Error: this is a bug in advisor\n\nHint: report it" in done.stderr
