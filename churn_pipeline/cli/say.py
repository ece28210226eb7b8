"""Sentences on the console: on a terminal they are broken between words, and go on below where they began."""

from __future__ import annotations

import os
import re
import sys
from textwrap import wrap
from typing import TextIO

LABEL = re.compile(r" *(?:\S+ {2,}|(?:allowed|also|do|next): +)?")
"""What a line begins with that its continuation stands beside."""
WHOLE = re.compile(
    r"`[^`\n]*`"
    r"|(?:(?<=  )|(?<=next: ))\S*churn \S.*?(?=   |$)"
    r"|\S*\bchurn(?: [a-z]+){1,2}(?: [^\s-]*[/.][^\s-]\S*)?(?: --[a-z-]+(?: (?:'[^'\n]*'|\"[^\"\n]*\"|[^\s'\"-]\S*))?)*"
    r"|--(?:source|mapping|table)(?: (?:'[^'\n]*'|\S+))(?: --(?:source|mapping) (?:'[^'\n]*'|\S+))*",
    re.MULTILINE,
)
"""Commands and options, which are to be copied as they are: in backticks, beside a label, or within a sentence (which may lose a word to it)."""
NARROWEST = 30
"""Columns below which breaking lines makes nothing easier to read."""


def say(text: str, *, to: TextIO | None = None) -> None:
    """Write lines, to standard output where nothing else is named; broken between words where that is a terminal."""
    stream = to or sys.stdout
    width = _width(stream) if stream.isatty() else 0
    stream.write((folded(text, width) if width >= NARROWEST else text) + "\n")


def folded(text: str, width: int) -> str:
    """A text whose lines are no wider than that, as far as no word and no command is broken.

    >>> print(folded("read     1,234 events, 10 trials\\n  do: mend it, or wait for a day", 24))
    read     1,234 events,
             10 trials
      do: mend it, or wait
          for a day
    """
    return "\n".join(_folded(line, width) for line in text.split("\n"))


def null_share(nulls: int, *, rows: int) -> str:
    """How many of the rows are null, in hundredths.

    >>> null_share(0, rows=9), null_share(1, rows=900), null_share(899, rows=900), null_share(9, rows=9)
    ('0%', '<1%', '>99%', '100%')
    """
    share = nulls / rows if rows else 0.0
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def _folded(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    label = LABEL.match(line)
    beside = label.end() if label else 0
    hang = beside if 0 < beside <= width // 2 else len(line) - len(line.lstrip()) + 2
    whole = WHOLE.sub(lambda found: found[0].replace(" ", "\0"), line)
    parts = wrap(whole, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False)
    return "\n".join(parts).replace("\0", " ")


def _width(terminal: TextIO) -> int:
    """Its columns; 0 where it does not say."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdigit() else os.get_terminal_size(terminal.fileno()).columns
