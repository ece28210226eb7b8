from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from churn_pipeline.cli.say import folded, say

LONG = "scored   1,204 trials by the champion: 200 at risk, 900 in the middle, 104 hot (as of 2026-11-01)"


def written(text: str, columns: int) -> str:
    """What a terminal of so many columns is given."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        say(text, to=terminal)
        terminal.flush()
        told = os.read(ours, 10_000).decode().replace("\r\n", "\n")
    os.close(ours)
    return told


def test_a_terminal_gets_whole_words_and_goes_on_below_where_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = written(LONG, 50).splitlines()
    assert max(map(len, lines)) <= 50
    assert all(line.startswith(" " * 9) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(LONG.split())
    assert written(LONG, 120) == f"{LONG}\n"
    assert written(LONG, 0) == f"{LONG}\n", "it does not say how wide it is"


def test_a_file_gets_lines_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    file = io.StringIO()
    say(LONG, to=file)
    assert file.getvalue() == f"{LONG}\n"


def test_a_command_is_not_broken() -> None:
    look = "look     churn table scores_latest --source '/my files' --mapping m.yaml   the scores with their reasons"
    assert folded(look, 50).splitlines() == [
        "look",
        "         churn table scores_latest --source '/my files' --mapping m.yaml",
        "         the scores with their reasons",
    ]
    for sentence, whole in {
        "  do: churn run --table customers.csv --label churned --positive 'not yet' is what takes it in, whatever else": "churn run --table customers.csv --label churned --positive 'not yet'",
        "the scores of 2026-11-01 stand as they are until scored again: churn score --as-of 2026-11-01 --source /data/acme": "churn score --as-of 2026-11-01 --source /data/acme",
        "  also: to be about business `acme` these commands need --source /data/a/long/folder/acme --mapping m.yaml": "--source /data/a/long/folder/acme --mapping m.yaml",
        "no trial was ever there: churn source init /data/acme/of/today guesses a mapping that you then read": "churn source init /data/acme/of/today",
    }.items():
        lines = folded(sentence, 50).splitlines()
        assert len(lines) > 1
        assert any(whole in line for line in lines), lines
    odd = "odd      3 issues are open (`churn quarantine list` says why); drifted: visits"
    assert "\n         (`churn quarantine list`" in folded(odd, 40)
