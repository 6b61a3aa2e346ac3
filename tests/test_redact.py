import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runcard.redact import redact

SCHEMES = st.sampled_from(["postgresql", "mysql+pymysql", "http", "https", "s3", "ssh", "git+ssh", "x"])
ENDS = ("Alpha7", "Omega9")  # both must vanish: a password cut in the middle is a leak too
PASSWORDS = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), max_size=20).map(
    lambda middle: ENDS[0] + middle + ENDS[1]
)
USERS = st.from_regex(r"[A-Za-z0-9_.\-%]{0,8}", fullmatch=True)
HOSTS = st.sampled_from(["db", "db.example.com:5432", "127.0.0.1:80", "[::1]:5000", "bucket", ""])
PATHS = st.sampled_from(["", "/name", "/name?sslmode=require", "/a@b.git", "/x?y=1#z", "/a:b@c"])
URIS = st.builds("{}://{}:{}@{}{}".format, SCHEMES, USERS, PASSWORDS, HOSTS, PATHS)
AROUND = st.text(max_size=30)


def assert_gone(text):
    assert not [end for end in ENDS if end in text], text


@given(URIS, AROUND, AROUND)
def test_no_password_survives_in_any_text(uri, before, after):
    assert_gone(redact(f"{before} {uri}{after}"))


@given(URIS)
def test_no_password_survives_in_quotes(uri):
    for text in (repr(uri), json.dumps({"uri": uri}), json.dumps([uri], separators=(",", ":")), f"({uri})"):
        assert_gone(redact(text))


@example("Alpha7%23Omega9")
@given(PASSWORDS)
def test_a_token_without_a_user_is_a_credential(token):
    if not set(token) & set("/?#:"):
        assert_gone(redact(f"https://{token}@github.com/org/repo.git"))


@pytest.mark.parametrize(
    "name", ["token", "access_token", "X-Amz-Signature", "X-Amz-Credential", "sig", "api_key", "PWD", "key"]
)
@given(st.from_regex(rf"{ENDS[0]}[A-Za-z0-9%/+=.,:;@!*_~\-]{{0,20}}{ENDS[1]}", fullmatch=True))
def test_no_query_token_survives(name, token):
    assert_gone(redact(f"GET https://host:5000/path?a=1&{name}={token}&b=2"))
    assert_gone(redact(f"Max retries exceeded with url: /api?{name}={token} (Caused by x)"))


@given(st.text(st.sampled_from("ab:/@?#&=;\"'`\\ \n%3AF240token"), max_size=40))
def test_redacting_twice_changes_nothing_more(text):
    assert redact(redact(text)) == redact(text)


@given(st.text())
def test_text_without_uris_and_parameters_is_left_alone(text):
    plain = text.replace("/", "").replace("=", "").replace("%", "")
    assert redact(plain) == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://user:p%40ss@host/db", "postgresql://***@host/db"),
        ("postgresql://user:p@s:s/w?o#r@host:5432/db?a=b", "postgresql://***@host:5432/db?a=b"),
        ("redis://:secret@host/0", "redis://***@host/0"),
        ("git+https://token@host/a/b@v1", "git+https://***@host/a/b@v1"),
        ("ssh://git:secret@host:22/a/b.git", "ssh://***@host:22/a/b.git"),
        ("uri=https%3A%2F%2Fuser%3Asecret%40host%2Fpath", "uri=https%3A%2F%2F***%40host%2Fpath"),
        (r'{"uri": "https:\/\/user:secret@host\/path"}', r'{"uri": "https:\/\/***@host\/path"}'),
        ("'a://b:c@d', 'e://f:g@h'", "'a://***@d', 'e://***@h'"),
        ('{"a":"https://h?token=x","b":"c@d"}', '{"a":"https://h?token=***","b":"c@d"}'),
        ("mssql:///?odbc_connect=PWD%3Dsecret", "mssql:///?odbc_connect=***"),
        ("https://h/p?token=x&page=2", "https://h/p?token=***&page=2"),
    ],
)
def test_what_is_left(text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:5000 or write to me@example.org",
        "git@github.com:org/repo.git",
        "ssh://git@github.com:22/org/repo.git",
        "git+https://github.com/org/repo@main",
        "sqlite:////home/me/a@b/mlflow.db",
        "https://example.org/?author=me&page=2",
        '{"a":"http://host:80","b":"c@d"}',
        "",
    ],
)
def test_what_holds_no_credentials_stays(text):
    assert redact(text) == text
