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
