"""Removal of credentials from text that others will read: errors, records, tags, diffs.

What is removed is chosen to be too much rather than too little: clients disagree where a password ends
(some end it at the first slash, others at the last `@`), so everything up to the last `@` goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runcard.tokens import REMOVED, names_secret, without_tokens

_SEPARATOR = re.compile(r":\\?/\\?/|%3A%2F%2F", re.IGNORECASE)
_SCHEME = re.compile(r"[\w+.\-]*\Z")
_WORD_RUN = re.compile(r"\S*")
_QUOTED_RUN = {quote: re.compile(rf"(?:\\.|[^{quote}\\\n])*(?={quote})") for quote in "\"'`"}
_AUTHORITY_END = re.compile(r"[/?#]")
_ENCODED_AUTHORITY_END = re.compile(r"[/?#]|%2F|%3F|%23", re.IGNORECASE)
_COLON = re.compile(r":|%3A", re.IGNORECASE)
_AT_SIGN = re.compile(r"@")
_ENCODED_AT_SIGN = re.compile(r"@|%40")
_LONGEST_SCHEME = 32

# A quote may belong to the value, unless it is seen to close one: `"...token=x","b"`.
_SECRET_PARAMETER = re.compile(
    r"""(?P<name>[?&;#]
        (?:[^=&?#;\s]{0,40}?
           (?:token|secret|passw|passphrase|pwd|signature|credential|auth(?!or)
             |(?:api|access|private|account)[-_]?key)
           [^=&?#;\s]{0,40}
         |key|sig|sas|pass|odbc_connect)
        =)(?P<value>[^&\s"'<>]+(?:["'<>]+[^&\s"'<>,)\]}]+)*)""",
    re.IGNORECASE | re.VERBOSE,
)


def redact(text: str) -> str:
    """Remove user names, passwords and tokens from every URI in a text.

    `postgresql://user:password@host/db` becomes `postgresql://***@host/db`, and the values of query
    parameters such as `token` or `X-Amz-Signature` become `***`. The lone user of an SSH address
    (`ssh://git@host`) stays: it opens nothing. Tokens, keys and webhooks of known forms become `***` wherever
    they stand. Works on any text: logs, JSON, patches; redacting twice changes nothing more.
    """
    text = _SECRET_PARAMETER.sub(_without_value, text)
    pieces: list[str] = []
    done = 0
    while found := _SEPARATOR.search(text, done):
        run = _run_after(text, found)
        kept_from = _userinfo_length(text, found, run)
        pieces += [text[done : found.end()], REMOVED if kept_from else "", run[kept_from:]]
        done = found.end() + len(run)
    return without_tokens("".join(pieces) + text[done:])


def redact_command(words: Sequence[str]) -> list[str]:
    """Remove secrets from the words of a command: `--password x`, `--token=x`, `PASSWORD=x`, and what `redact` does."""
    clean = []
    is_value = False
    for word in words:
        name, sign, _ = word.partition("=")
        if is_value and not word.startswith("--"):
            clean.append(REMOVED)
        else:
            clean.append(f"{name}={REMOVED}" if sign and names_secret(name) else redact(word))
        is_value = word.startswith("-") and not sign and names_secret(name)
    return clean


def _without_value(found: re.Match[str]) -> str:
    # An `@` stays visible: the parameter may be the tail of a password, and its end must still be found.
    return found["name"] + (f"{REMOVED}@{REMOVED}" if "@" in found["value"] else REMOVED)


def _scheme_before(text: str, separator: re.Match[str]) -> str:
    found = _SCHEME.search(text, max(0, separator.start() - _LONGEST_SCHEME), separator.start())
    return found[0] if found else ""


def _run_after(text: str, separator: re.Match[str]) -> str:
    """Return the text that may belong to the URI: to the closing quote if it is quoted, else to the next space."""
    start = separator.start() - len(_scheme_before(text, separator))
    quoted = _QUOTED_RUN.get(text[start - 1 : start])
    found = quoted.match(text, separator.end()) if quoted else None
    found = found or _WORD_RUN.match(text, separator.end())
    return found[0] if found else ""


def _userinfo_length(text: str, separator: re.Match[str], run: str) -> int:
    """Return how many characters before the `@` of a candidate URI are credentials: 0 for none."""
    is_encoded = separator[0].startswith("%")  # else `%23` is a character of the token
    end = (_ENCODED_AUTHORITY_END if is_encoded else _AUTHORITY_END).search(run)
    authority = run[: end.start()] if end else run
    # `host/path@tag` has no password; `user:pass/word@host` has one, though the slash ought to be encoded.
    searched = run if _COLON.search(authority) else authority
    at_sign = _ENCODED_AT_SIGN if is_encoded else _AT_SIGN
    signs = list(at_sign.finditer(searched))
    if not signs:
        return 0
    userinfo = searched[: signs[-1].start()]
    lone_ssh_user = _scheme_before(text, separator).lower().endswith("ssh") and not _COLON.search(userinfo)
    return 0 if lone_ssh_user else len(userinfo)
