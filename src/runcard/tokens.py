"""Detection of secrets in text by the known forms of tokens and keys, and by assignments to telling names.

The forms are those that their makers publish, as detect-secrets and gitleaks list them; an assignment to a name such as
`PASSWORD` or `api_key` is judged by its value, by entropy where the name alone would say too little.

Why: docs/adr/0038-secrets.md
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

REMOVED = "***"

# Kind -> what its form cannot do without, in lower case, and the form: looking for a word takes a hundredth of it.
_FORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "a private key": (
        ("private key", "putty-user-key-file", "age-secret-key"),
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?:(?s:.){0,20000}?-----END (?:[A-Z0-9]+ )*PRIVATE KEY[A-Z ]*-----)?"
        r"|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1[0-9A-Z]{50}",
    ),
    "a key of AWS": (
        ("akia", "asia", "abia", "acca", "aws_secret", "aws_session"),
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"
        r"""|(?i:aws_?(?:secret_?access_?key|session_?token))\\?["']?\s*[=:]\s*\\?["']?[A-Za-z0-9/+]{40}""",
    ),
    "a token of GitHub": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{40}",
    ),
    "a token of GitLab": (
        ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-"),
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w\-]{20}",
    ),
    "a token of Slack": (("xox", "xapp-"), r"\bxox[abeoprs]-[A-Za-z0-9\-]{10}|\bxapp-\d-[A-Za-z0-9\-]{10}"),
    "a webhook": (
        ("hooks.slack.com", "/webhooks/", "webhook.office.com", "hooks.zapier.com", "/hooks/"),
        r"\bhooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w+/\-]{16,}"
        r"|\bdiscord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{5,}/[\w\-]{16,}"
        r"|\bwebhook\.office\.com/[\w@/\-]{20,}|\bhooks\.zapier\.com/hooks/\w+/[\w/]{8,}|/hooks/[a-z0-9]{26}\b",
    ),
    "a key of Google": (
        ("aiza", "gocspx-", "ya29.", "private_key_id"),
        r"""\bAIza[\w\-]{35}|\bGOCSPX-[\w\-]{28}|\bya29\.[\w\-]{20}|private_key_id\\?["']\s*:\s*\\?["'][0-9a-f]{40}""",
    ),
    "a key of Azure": (
        ("accountkey=", "sharedaccesskey=", "sharedaccesssignature", "q~"),
        r"(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}|SharedAccessSignature[= ]\S{20}"
        r"|\b[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}",
    ),
    "a token of Hugging Face": (("hf_", "api_org_"), r"\bhf_[A-Za-z0-9]{30}|\bapi_org_[A-Za-z0-9]{30}"),
    "a key of a language model": (
        ("sk-", "gsk_", "pplx-", "xai-", "r8_"),
        r"\bsk-(?:proj|svcacct|admin|ant|or|None)-[\w\-]{20}|\bsk-[A-Za-z0-9]{32}"
        r"|\bgsk_[A-Za-z0-9]{40}|\bpplx-[A-Za-z0-9]{40}|\bxai-[A-Za-z0-9]{60}|\br8_[A-Za-z0-9]{37}",
    ),
    "a key of Stripe": (
        ("k_live_", "k_test_", "whsec_"),
        r"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16}|\bwhsec_[0-9A-Za-z+/]{24}",
    ),
    "a key of a mail service": (
        ("sg.", "key-", "-us"),
        r"\bSG\.[\w\-]{22}\.[\w\-]{43}|\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b",
    ),
    "a token of a package index": (
        ("npm_", "pypi-", "rubygems_", "dckr_pat_", "dckr_oat_"),
        r"\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_\-]{60}|\brubygems_[0-9a-f]{48}|\bdckr_[po]at_[\w\-]{20}",
    ),
    "a token of a cloud": (
        tuple(
            [
                "_v1_",
                "dapi",
                "hvs.",
                "hvb.",
                "glsa_",
                "nrak-",
                "pul-",
                "tskey-",
                "sntrys_",
                "atatt3",
                "shp",
                "lin_api_",
                "ntn_",
            ]
        ),
        r"\bdo[opr]_v1_[0-9a-f]{64}|\bdapi[0-9a-f]{32}|\bhv[sb]\.[\w\-]{24}|\bglsa_\w{32}_|\bNRAK-[A-Z0-9]{27}"
        r"|\bpul-[0-9a-f]{40}|\btskey-\w+-[\w\-]{10}|\bsntrys_[\w+/=]{20}|\bATATT3[\w\-=]{20}"
        r"|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|\blin_api_\w{40}|\bntn_[A-Za-z0-9]{40}",
    ),
    "a token of Telegram": ((":aa",), r"\b\d{8,10}:AA[\w\-]{33}"),
    "a JSON Web Token": (("eyj",), r"\beyJ[\w\-]{6,}\.eyJ[\w\-]{6,}\.[\w\-]{6,}|\beyJhcGlfYWRkcmVzcyI6[\w\-]{20}"),
    "credentials of a request": (
        ("authorization", "bearer "),
        r"""(?i:\bauthorization\\?["']?\s*[:=]\s*\\?["']?(?:bearer|basic|token)\s+)[\w.~+/\-]{8,}=*"""
        r"|(?i:\bbearer\s+)(?=[\w.~+/\-]*\d)[\w.~+/\-]{20,}=*",
    ),
    "a login in .netrc": (
        ("machine ",),
        r"\bmachine\s{1,9}\S{1,99}\s{1,9}login\s{1,9}\S{1,99}\s{1,9}password\s{1,9}\S+",
    ),
    "a password in SQL": (
        ("identified by", "password '"),
        r"(?i:(?<!revision )\bidentified\s+by\s+|\b(?:user|role)\s+\S{1,60}(?:\s+\w{1,20}){0,9}?\s+password\s+)"
        r"'[^'\n<$]{4,}'",
    ),
    "a password of a command": (
        ("-passw", "sshpass", "curl"),
        r"""(?i:(?<![\w\-])--[\w\-]{0,40}?passwo?r?d[= ])["']?(?=\S*\d)[^\s"'$<{\[(`]{4,}"""
        r"""|\bsshpass\s+-p\s*["']?[^\s"'$<{]{4,}"""
        r"""|\bcurl\b[^\n]{0,200}?\s(?:-u|--user)\s+["']?[\w.@\-]{1,60}:[^\s"'$<{:]{4,}""",
    ),
    "a default of a key": (
        ("environ.get", "getenv"),
        r"""(?i:\b(?:environ\.get|getenv)\(\s*\\?["'](?:\w{0,40}_)?key\\?["']\s*,\s*\\?["'])"""
        r"""(?=[^"']*\d)(?=[^"']*[A-Za-z])[\w+/=\-]{16,}""",
    ),
    "a name and a password": (
        ("auth",),
        r"""(?i:\b(?:auth\s*=\s*\(|(?:Basic|Digest)Auth\())\s*["'][^"'\n]{1,60}["'],\s*["'](?=[^"'\n]*\d)[^"'\n]{6,}["']""",
    ),
}
_REST = r"[\w\-+/=]*"
_COMPILED = {kind: (words, re.compile(f"(?:{form}){_REST}")) for kind, (words, form) in _FORMS.items()}

_OWNERS = "db|user|admin|root|login|mail|smtp|imap|ftp|ssh|ldap|redis|mysql|postgres|pg|mongo|proxy|sudo"
_PASS = "|".join(f"(?<={owner}{sign})" for owner in _OWNERS.split("|") for sign in ("", "_"))
_CERTAIN = f"passwor[dt]|passwd|passphrase|pwd|(?:{_PASS})pass"
_LIKELY = "secret|token|credentials?|auth|(?:api|access|private|secret|signing|encryption|account)[_\\-]?key"
_WORD = re.compile(
    rf"""({_CERTAIN}|{_LIKELY})(?:_?\d+)?(?=\\?["']?\]?[ \t]*(?::[ \t]*str[ \t]*)?(?:[:=]|(?<=["']),))"""
)
"""Looked for in lower case; what the name begins with is looked at afterwards, or a long line takes for ever."""
_AFTER = r"""\\?["']?\]?[ \t]*(?::[ \t]*str[ \t]*)?(?::=|=>|(?P<sign>=)|:|(?P<comma>,))"""
_QUOTED = re.compile(rf"""{_AFTER}[ \t]*[brfBRF]?\\?(?P<quote>["'])(?P<value>[^"'\\\n]{{4,400}}+)\\?(?P=quote)""")
_PLAIN = re.compile(
    rf"""{_AFTER}(?P<gap>[ \t]*)(?P<value>[^\s"'\\#,;(){{}}\[\]<>$]{{4,400}}+)"""
    r"""(?:(?:\\n)?",?|[ \t]+[#&|;].*|[ \t\\])*+\r?(?:\n|\Z)"""
)
_BEFORE = re.compile(r"(?i)[+\- ]?[ \t]*(?:(?:export|set|setenv|env|arg)[ \t]+|-[ \t]+|\"|#[ \t]*)*(?P<name>[\w.\-]*)")
_NAME = re.compile(r"[\w.\-]*\Z")
_LONGEST_NAME = 60
_KEYS = ("api", "access", "private", "secret", "signing", "encryption", "account")
_WORDS = (
    *("pass", "pwd", "secret", "token", "credential", "auth"),
    *(f"{of}{sign}key" for of in _KEYS for sign in ("", "_", "-")),
)
_PLACEHOLDER = re.compile(
    r"(?i)[<\[{(%$].*|.*[>\]})%]|\*+|x+|\.+|-+|_+"
    r"|(?:your|my|the|an?|some|any|new|old|no|add|insert|enter)[ _\-].*"
    r"|(?:change|replace)[ _\-]?(?:me|this|it)|todo|tbd|redacted|removed|hidden|example.*|test(?:ing)?|dummy|fake"
    r"|(?:user)?passwor[dt]|passwd|pwd|secret|token|none|null|true|false|string|str|int|bool|bytes|text"
    r"|optional|required|default|basic|bearer|oauth2?|env(?:iron)?\b.*"
    r"|os\..*|self\..*|settings\..*|config\..*|args\..*|/.*|\./.*|~/.*|https?://[^@]*"
)
"""What stands where a secret is to be put, names of things, and paths."""
_CODE = re.compile(r"[A-Za-z_][A-Za-z_.|]*")
_LEAST_BITS = 3.0
"""Shannon's entropy of the signs of a value: digits of a hash have some 3.5 bits each, names with a number below 3."""
_LEAST_LENGTH = 16


def find_secret(text: str) -> str | None:
    """Name the kind of secret that a text contains; None if none is found."""
    lowered = text.lower()
    for kind, (words, form) in _COMPILED.items():
        if any(word in lowered for word in words) and form.search(text):
            return kind
    return next(_assigned(text, lowered), None)


def without_tokens(text: str) -> str:
    """Replace tokens of known forms by `***`."""
    lowered = text.lower()
    for words, form in _COMPILED.values():
        if any(word in lowered for word in words):
            text = form.sub(REMOVED, text)
    return text


def names_secret(name: str) -> bool:
    """Tell whether the name of an option or variable says that its value is a secret."""
    return re.fullmatch(rf"(?i)[\w.\-]*?({_CERTAIN}|{_LIKELY})(_?\d+)?", name) is not None


def _assigned(text: str, lowered: str) -> Iterator[str]:
    """Find values assigned to secret-like names, quoted or as in a shell, INI or YAML file."""
    if len(lowered) != len(text):  # a few letters are longer in lower case
        text = lowered
    for found in _named(lowered):
        name = _name_before(text, found.start()) + text[found.start() : found.end()]
        quoted = _QUOTED.match(text, found.end())
        value = quoted or _PLAIN.match(text, found.end())
        if value is None or (quoted is None and not _is_setting(text, found.start(), name, value)):
            continue
        word = "" if value["comma"] else found[1]  # a second argument need not be the value of the first
        if _is_secret(word, value["value"], is_quoted=quoted is not None):
            yield f"a value of `{name}`"


def _named(lowered: str) -> Iterator[re.Match[str]]:
    """Find secret-like words; searching for each takes a tenth of the time of one search for all."""
    for word in _WORDS:
        start = lowered.find(word)
        while start >= 0:
            if found := _WORD.match(lowered, start):
                yield found
            start = lowered.find(word, start + 1)


def _name_before(text: str, start: int) -> str:
    found = _NAME.search(text[max(0, start - _LONGEST_NAME) : start])
    return found[0] if found else ""


def _is_setting(text: str, start: int, name: str, value: re.Match[str]) -> bool:
    """Tell a line of settings from one of code, where an unquoted value is the name of something."""
    near = max(0, start - 2 * _LONGEST_NAME)
    begin = text.rfind("\n", near, start) + 1
    if (begin == 0 and near > 0) or not _BEFORE.fullmatch(text[begin:start]):
        return False
    is_variable = value["sign"] is not None and not value["gap"] and name == name.upper()
    return is_variable or not _CODE.fullmatch(value["value"])


def _is_secret(word: str, value: str, *, is_quoted: bool) -> bool:
    if _PLACEHOLDER.fullmatch(value.strip()):
        return False
    if word == "pass" or re.fullmatch(f"(?i:{_CERTAIN})", word):
        return " " not in value.strip() or (is_quoted and word == "passphrase")
    return _is_random(value)


def _is_random(value: str) -> bool:
    has_both = any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    return has_both and len(value) >= _LEAST_LENGTH and " " not in value and _bits(value) >= _LEAST_BITS


def _bits(value: str) -> float:
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())
