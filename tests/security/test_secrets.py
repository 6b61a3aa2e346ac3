"""Nothing that opens something is kept with a run: forms that their makers publish, and what is named like a secret."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from runcard import errors
from runcard.provenance.capture.code import capture_code
from runcard.provenance.capture.modules import Modules
from runcard.provenance.capture.secrets import secret_in
from runcard.redact import redact, redact_command
from runcard.tokens import find_secret, names_secret
from runcard.tracking.records import _tags

MIXED = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1F2"
HEX = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
# Written in two parts, lest whoever looks through this file finds them.
TOKENS = {
    "OpenAI, a project": ("sk-", "proj-" + MIXED[:48]),
    "OpenAI": ("sk-", MIXED[:48]),
    "Anthropic": ("sk-", "ant-api03-" + MIXED[:40]),
    "GitHub": ("ghp", "_" + MIXED[:36]),
    "GitHub, a server": ("ghs", "_" + MIXED[:36]),
    "GitHub, fine-grained": ("github", "_pat_" + MIXED[:22] + "_" + MIXED[:59]),
    "GitLab": ("glpat", "-" + MIXED[:20]),
    "AWS": ("AKIA", "IOSFODNN7EXAMPLE"),
    "AWS, a secret key": ("aws_secret", "_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "Google": ("AIza", "Sy" + MIXED[:33]),
    "Google, a client": ("GOCSPX", "-" + MIXED[:28]),
    "Google, a service account": ('"private_key', f'_id": "{HEX}01234567"'),
    "Azure, a connection": ("DefaultEndpointsProtocol=https;AccountName=a;Account", f"Key={MIXED}{MIXED[:22]}=="),
    "Azure, a bus": ("Endpoint=sb://a/;SharedAccess", f"Key={MIXED[:43]}="),
    "Hugging Face": ("hf", "_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"),
    "Slack": ("xox", "b-123456789012-123456789012-" + MIXED[:24]),
    "Slack, a webhook": ("https://hooks.slack", ".com/services/T00000000/B00000000/" + MIXED[:24]),
    "Discord, a webhook": ("https://discord", f".com/api/webhooks/123456789012345678/{MIXED}"),
    "Teams, a webhook": ("https://x.webhook.office", f".com/webhookb2/{HEX}@{HEX}/IncomingWebhook/{HEX}"),
    "Stripe": ("sk_", "live_" + MIXED[:24]),
    "SendGrid": ("SG", f".{MIXED[:22]}.{MIXED[:43]}"),
    "npm": ("npm", "_" + MIXED[:36]),
    "a package index": ("pypi", "-AgEIcHlwaS5vcmc" + MIXED),
    "Databricks": ("dapi", HEX),
    "DigitalOcean": ("dop", f"_v1_{HEX}{HEX}"),
    "Vault": ("hvs", "." + MIXED[:24]),
    "Telegram": ("123456789", ":AA" + MIXED[:33]),
    "a JSON Web Token": ("eyJ", f"hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{MIXED[:43]}"),
    "a request": ("Authorization: Bea", f"rer {MIXED[:40]}"),
    "a request, basic": ("'Authorization': 'Ba", "sic dXNlcjpwYXNzd29yZA=='"),
    "RSA": ("-----BEGIN ", "RSA PRIVATE KEY-----\nMIIE\n-----END " + "RSA PRIVATE KEY-----"),
    "PKCS 8": ("-----BEGIN ", "PRIVATE KEY-----"),
    "OpenSSH": ("-----BEGIN ", "OPENSSH PRIVATE KEY-----"),
    "PGP": ("-----BEGIN ", "PGP PRIVATE KEY BLOCK-----"),
    "PuTTY": ("PuTTY-User", "-Key-File-3: ssh-ed25519"),
    "netrc": ("machine api.example.org login ada pass", "word hunter2"),
    "SQL": ("CREATE USER ada IDENTIFIED ", "BY 'letmein'"),
    "SQL, a role": ("ALTER ROLE ada WITH LOGIN pass", "word 'letmein'"),
    "an option": ("mysql --pass", "word=hunter2 -h db"),
    "sshpass": ("sshpass ", "-p hunter2 ssh db"),
    "curl": ("curl -s -u ", "ada:hunter2 https:"),
    "requests": ("get(url, auth", '=("ada", "hunter2"))'),
    "a default": ('os.environ.get("KE', 'Y", "9f8e7d6c5b4a39281706f5e4")'),
    "age": ("AGE-SECRET", "-KEY-1" + "Q" * 58),
}
tokens = pytest.mark.parametrize("token", [a + b for a, b in TOKENS.values()], ids=list(TOKENS))


@tokens
@pytest.mark.parametrize(
    "place", ["{}", "x = '{}'\n", '{{"outputs": [{{"text": ["token: {}\\n"]}}]}}', "+url={}\n", "# use {} here"]
)
def test_a_known_form_is_found_wherever_it_stands(token: str, place: str) -> None:
    assert secret_in(f"import os\n{place.format(token)}\nmore = 1\n".encode()) is not None


@tokens
def test_a_known_form_is_taken_out_of_text_for_others(token: str) -> None:
    secret = redact(f"it failed: {token} was refused")
    assert token not in secret
    assert secret.startswith("it failed: ")
    assert redact(secret) == secret


@pytest.mark.parametrize(
    "line",
    [
        *("PASSWORD=letmein", "export DB_PASSWORD=letmein", "ENV DB_PASSWORD=letmein", "  PASSWORD=x1y2 \\"),
        *(
            "password = 'letmein'",
            'passwd="hunter2"',
            "password: hunter2",
            "db_pwd: 'letmein'",
            '"password": "letmein",',
        ),
        *("+PASSWORD=letmein", '-    passphrase = "correct-horse"', 'connect(password="letmein", port=1)'),
        *('"PASSWORD = \\"letmein\\"\\n",', "- PASSWORD=letmein", "PGPASSWORD=letmein psql".partition(" ")[0]),
        *(f"api_key = '{MIXED[:24]}'", f"SECRET_KEY: {MIXED[:24]}", f"TOKEN={MIXED[:20]}", f"auth_token={MIXED[:32]}"),
        *('DB_PASS = "letmein"', "smtp_pass: hunter2", 'PASSPHRASE = "letmein is my word"', '  "password: hunter2"'),
        *(f'os.environ["WANDB_API_KEY"] = "{HEX}{HEX[:8]}"', f"environ.setdefault('API_KEY', '{MIXED[:32]}')"),
        *(f'"secret": "{HEX}"', f"WANDB_API_KEY={HEX}{HEX[:8]}", f"client_secret: '{MIXED[:32]}'"),
    ],
)
def test_a_value_of_what_is_named_like_a_secret_is_one(line: str) -> None:
    found = find_secret(f"a = 1\n{line}\nb = 2\n")
    assert found is not None
    assert found.startswith("a value of `")
    assert "letmein" not in found


@pytest.mark.parametrize(
    "line",
    [
        *("password = os.environ['PASSWORD']", "password: str", "password=password,", "PASSWORD=${PASSWORD}"),
        *("PASSWORD=$1", "password: <your password>", "password = ''", "password = None", "def f(password=None):"),
        *("max_tokens=100", "pad_token = '[PAD]'", "eos_token='</s>'", "tokenizer = 'bert-base-uncased-2024-01'"),
        *("token = tokenizer.decode(ids)", "secret = read_secret('name')", "api_key = settings.API_KEY"),
        *("author = 'A1b2 C3d4'", "key = 'mean_fit_seconds_0123456789'", "keys: [a, b]", "password: ${{ secrets.DB }}"),
        *("token: Token", "auth: basic", "password = 'changeme'", "PASSWORD=***", 'api_key="your-api-key-here"'),
        *(f"sha256: {HEX}{HEX}", f"digest = '{HEX}{HEX}'", f"commit {HEX}01234567", f"--hash=sha256:{HEX}{HEX}"),
        *("id = '123e4567-e89b-12d3-a456-426614174000'", "sk-learn-pipeline-with-a-long-name-1234567890", "AKIA"),
        *("for word in ('password', 'hunter2'):", "first_pass = 'a1b2'", "bypass: 2d", "-u ada:$PW"),
        *("click.option('--password', help='asked for')", "--password PASSWORD", "bypass = 'a'"),
        *("ALTER ROLE ada PASSWORD '$PASSWORD'", "auth=(user, password)"),
        *("-----BEGIN " + "PUBLIC KEY-----", "https://example.org/hooks/", "key-value-pairs-of-some-length-1234567890"),
    ],
)
def test_ordinary_code_holds_none(line: str) -> None:
    assert find_secret(f"a = 1\n{line}\nb = 2\n") is None


def test_the_source_of_runcard_its_examples_and_its_locks_hold_none() -> None:
    top = Path(__file__).parents[2]
    begun, n_bytes = time.monotonic(), 0
    for place in ("src", "examples", "scripts", "requirements", "docs", "benchmarks"):
        for path in (top / place).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".md", ".yaml", ".toml", ".txt", ".json", ".csv", ".in"):
                content = path.read_bytes()
                n_bytes += len(content)
                assert secret_in(content) is None, path
    assert n_bytes > 1_000_000
    assert (time.monotonic() - begun) / n_bytes < 20e-6  # seconds a byte, with room for a slow machine


@pytest.mark.slow
@pytest.mark.parametrize("word", ["a", "password", "token=", f"{HEX} ", "eyJ", 'token="a', "auth: ", "-----BEGIN "])
def test_no_text_takes_long(word: str) -> None:
    begun = time.monotonic()
    find_secret(word * (500_000 // len(word)))
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--password", "hunter2", "card"], ["--password", "***", "card"]),
        (["--db-password", "-hunter2"], ["--db-password", "***"]),
        (["--api-key=abc", "--token", "t"], ["--api-key=***", "--token", "***"]),
        (["PASSWORD=hunter2", "MODE=fast"], ["PASSWORD=***", "MODE=fast"]),
        (["--token", "--verbose", "card"], ["--token", "--verbose", "card"]),
        (["--tokenizer", "bert", "--max-tokens", "5"], ["--tokenizer", "bert", "--max-tokens", "5"]),
        (["https://me:hunter2@host/x", f"sk-proj-{MIXED}"], ["https://***@host/x", "***"]),
        (["run", "card", "--workers", "2"], ["run", "card", "--workers", "2"]),
    ],
)
def test_the_words_of_a_command(words: Sequence[str], kept: Sequence[str]) -> None:
    assert redact_command(words) == kept


def test_names() -> None:
    assert all(map(names_secret, ["password", "--db-password", "API_KEY", "auth-token", "PASSWORD_2", "client.secret"]))
    assert not any(map(names_secret, ["key", "tokenizer", "max_tokens", "author", "--workers", "trial_key", ""]))


def test_tags_hold_none() -> None:
    given = {
        "hook": "".join(TOKENS["Slack, a webhook"]),
        "db": "postgresql://me:hunter2@host/db",
        "api_key": MIXED[:24],
        "note": "a plain note, key=value",
        "runcard.parts": json.dumps({"data": HEX * 2}),
    }
    found = {tag.name: tag.value for tag in _tags(given)}
    assert found == given | {"hook": "https://***", "db": "postgresql://***@host/db", "api_key": "***"}


# What is kept with a run


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text("x = 1\n")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    remote = "https://me:" + "hunter2@host.example/a.git"
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True)
    return tmp_path


def test_a_file_with_a_secret_is_left_out_and_named_with_its_kind(clone: Path) -> None:
    notebook = {"cells": [{"cell_type": "code", "outputs": [{"text": ["".join(TOKENS["a JSON Web Token"])]}]}]}
    (clone / "look.ipynb").write_text(json.dumps(notebook))
    (clone / "run.sh").write_text("PASSWORD=letmein\npython train.py\n")
    (clone / "model.py").write_text(f"x = 2\nhook = '{''.join(TOKENS['Discord, a webhook'])}'\n")
    (clone / "plain.py").write_text("y = 1\n")
    code = capture_code(clone)
    assert code.left_out == {
        "look.ipynb": "untracked; looks like a secret: a JSON Web Token",
        "run.sh": "untracked; looks like a secret: a value of `PASSWORD`",
        "model.py": "changed; looks like a secret: a webhook",
    }
    assert set(code.untracked) == {"plain.py"}
    assert "hunter2" not in str(code.as_dict())


def test_a_module_with_a_secret_is_left_out_and_named() -> None:
    modules = Modules({"own.py": b"PASSWORD = 'letmein'\n", "clean.py": b"x = 1\n"})
    assert set(modules.kept()) == {"clean.py"}
    assert modules.left_out() == {"own.py": "a value of `PASSWORD`"}


@tokens
def test_errors_hold_none(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    from runcard.cli.answer import say, say_error

    say(f"note: {token}")
    say_error(errors.UsageError(f"`{token}` is no command", why=token))
    assert token not in capsys.readouterr().err
