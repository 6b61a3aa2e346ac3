import json

import pytest

from runcard.provenance.capture.secrets import named_like_secret, secret_in


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "a/.ENV.local",
        "prod.env",
        "Server.PEM",
        "id_ed25519",
        "aws_credentials.json",
        ".kube/x",
        "secrets.toml",
    ],
)
def test_names_of_secrets(name):
    assert named_like_secret(name)


@pytest.mark.parametrize("name", ["environment.py", "model.py", "secrets.py", "keys.md", "tests/test_env.py", "id.txt"])
def test_names_of_plain_files(name):
    assert not named_like_secret(name)


@pytest.mark.parametrize(
    "content",
    [
        "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
        "-----BEGIN " + "PRIVATE KEY-----",
        "ASIA" + "Y34FZKBOKMUTVV7A",
        "token = 'ghp" + "_" + "a1B2" * 9 + "'",
        "sk-" + "a1B2" * 8,
    ],
)
def test_contents_that_are_secret(content):
    assert secret_in(b"x = 1\n" + content.encode() + b"\n")


@pytest.mark.parametrize(
    "content", ["-----BEGIN " + "PUBLIC KEY-----", "sk-learn-pipeline-with-a-long-name", "AKIA", ""]
)
def test_contents_that_are_not(content):
    assert not secret_in(content.encode())


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("sign", ["", "+", "-"])
@pytest.mark.parametrize("line", ["DB_PASSWORD=hunter2xyz!", "password: hunter2xyz!"])
def test_what_a_notebook_printed_is_looked_at_however_it_is_written(line, sign, indent):
    """Some tools write a notebook on one line, in which the lines of its outputs are not seen; so in a patch of it."""
    output = {"output_type": "stream", "text": ["connected\n", f"{line}\n", "done"]}
    text = json.dumps({"cells": [{"source": ["x = 1\n"], "outputs": [output]}]}, indent=indent)
    patch = "".join(f"{sign}{part}\n" for part in text.splitlines())
    assert secret_in(patch.encode())
    assert not secret_in(patch.replace("hunter2xyz!", "<password>").encode())
