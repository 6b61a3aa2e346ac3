import pytest

from runcard.provenance.capture.hardware import Container, capture_container

PODMAN = 'engine="podman-4.9.3"\nname="x"\nid="1"\nimage="docker.io/library/python:3.12"\nimageid="ab12"\nrootless=1\n'


def make(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("files", "variables", "found"),
    [
        ({}, {"HOME": "/root"}, None),
        ({"proc/1/cgroup": "0::/init.scope\n"}, {}, None),
        ({".dockerenv": ""}, {}, Container("docker", None)),
        ({".dockerenv": ""}, {"RUNCARD_IMAGE": "a/b@sha256:12"}, Container("docker", "a/b@sha256:12")),
        ({".dockerenv": ""}, {"CI_JOB_IMAGE": "b:1", "RUNCARD_IMAGE": ""}, Container("docker", "b:1")),
        ({"run/.containerenv": ""}, {}, Container("podman", None)),
        ({"run/.containerenv": PODMAN}, {}, Container("podman", "docker.io/library/python:3.12", "ab12")),
        ({"proc/1/cgroup": "12:cpu:/kubepods/pod1\n"}, {}, Container("kubepods", None)),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, Container("kubernetes", None)),
        ({}, {"APPTAINER_CONTAINER": "/images/py.sif"}, Container("apptainer", "/images/py.sif")),
        ({}, {"container": "systemd-nspawn"}, Container("systemd-nspawn", None)),
        ({}, {"RUNCARD_IMAGE": "c"}, Container("unknown", "c")),
        (
            {".dockerenv": ""},
            {"RUNCARD_IMAGE": "https://ada:secret@host/b:1"},
            Container("docker", "https://***@host/b:1"),
        ),
    ],
)
def test_the_signs_that_engines_leave(tmp_path, files, variables, found):
    assert capture_container(make(tmp_path, files), variables) == found
