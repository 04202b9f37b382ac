"""Looking at SQL text without planning it: which parameters it names, and what is being typed."""

from __future__ import annotations

import re

_TOKENS = re.compile(
    r"""
    '(?:[^']|'')*'            # text
  | "(?:[^"]|"")*"            # a quoted name
  | --[^\n]*                  # a comment to the end of the line
  | /\*.*?(?:\*/|\Z)          # a comment
  | \$\w*\$.*?\$\w*\$         # text between dollars
  | ::                        # a cast
  | (?<![\w:]):([A-Za-z_]\w*) # a parameter
    """,
    re.VERBOSE | re.DOTALL,
)


def named_parameters(sql: str) -> list[str]:
    """Give the names of the ``:name`` parameters, each once, in their order."""
    return list(dict.fromkeys(match[1] for match in _TOKENS.finditer(sql) if match[1]))


def typed_name(text: str) -> str:
    """Give the dotted name that ends where `text` ends: ``commerce.ord`` of ``SELECT * FROM commerce.ord``."""
    found = re.search(r"[\w@.\"-]*\Z", text)
    return found[0] if found else ""


def tables_in(sql: str) -> list[str]:
    """Give the names that stand behind FROM and JOIN."""
    plain = _TOKENS.sub(lambda match: match[0] if match[0].startswith('"') else " ", sql)
    return list(
        dict.fromkeys(re.findall(r"\b(?:from|join)\s+((?:\"[^\"]+\"|[\w-]+)(?:\.(?:\"[^\"]+\"|[\w-]+))+)", plain, re.I))
    )
