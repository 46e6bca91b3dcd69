"""What is deployed, held against Kubernetes's schemas and against the services' own settings."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

import services.executor.service
import services.files.service
import services.gateway.service
import services.queue.service

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "silverprint"
DOCKERFILE = (DEPLOY / "containers" / "Dockerfile").read_text()
KUBERNETES = "1.33.0"

SETTINGS = {
    "queue": services.queue.service.Settings,
    "files": services.files.service.Settings,
    "gateway": services.gateway.service.Settings,
    "executor": services.executor.service.Settings,
}
#: Variables that are no setting of one service.
COMMON = {"SILVERPRINT_LOG_FORMAT", "SILVERPRINT_LOG_LEVEL"}

#: Values that render every part of the chart.
VARIANTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "on the CPU": {"executor": {"gpus": 0, "tolerations": []}},
    "with everything": {
        "executor": {"autoscaling": {"enabled": True}, "settings": {"VRAM_BUDGET": "90%"}},
        "gateway": {
            "ingress": {
                "enabled": True,
                "className": "nginx",
                "tls": [{"hosts": ["comfy.example"], "secretName": "tls"}],
            }
        },
        "queue": {"settings": {"HISTORY_MAX": 100000}},
        "imagePullSecrets": [{"name": "registry"}],
        "files": {"models": {"storageClass": "fast"}},
    },
    "without network policies": {"networkPolicy": {"enabled": False}},
}

Document = dict[str, Any]


def kustomized(overlay: str) -> list[Document]:
    """What `kubectl kustomize` makes of an overlay."""
    kubectl = str(Path(sys.executable).with_name("kubectl"))
    command = [kubectl, "kustomize", str(DEPLOY / "kubernetes" / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def charted(values: Document) -> list[Document]:
    """What Helm makes of the chart."""
    rendered = helm_python.Chart.load(str(CHART)).render(values, name="silverprint", namespace="silverprint")
    texts = [text for path, text in rendered.items() if path.endswith(".yaml")]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


RENDERED = {f"kustomize {name}": (lambda name=name: kustomized(name)) for name in ("cpu", "gpu")} | {
    f"helm {name}": (lambda values=values: charted(values)) for name, values in VARIANTS.items()
}


@pytest.fixture(params=RENDERED, scope="module")
def documents(request: pytest.FixtureRequest) -> list[Document]:
    made: list[Document] = RENDERED[request.param]()
    return made


def containers(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    for document in documents:
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                yield container["name"], container


def exposed(service: str) -> set[int]:
    """The ports that a target of the container file exposes."""
    stage = DOCKERFILE.split(f" AS {service}\n")[1].split("\nFROM ")[0]
    return {int(port) for line in re.findall(r"^EXPOSE (.*)$", stage, re.MULTILINE) for port in line.split()}


def check_settings(service: str, variables: set[str]) -> None:
    fields = {f"SILVERPRINT_{field.name.upper()}" for field in dataclasses.fields(SETTINGS[service])}
    assert {name for name in variables if name.startswith("SILVERPRINT_")} - fields - COMMON == set(), service


def test_kubernetes_takes_every_document(documents: list[Document]) -> None:
    kinds = set()
    for document in documents:
        kinds.add(document["kind"])
        if not document["apiVersion"].startswith("keda.sh/"):  # a resource of KEDA's own
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    assert {"Deployment", "Service", "PodDisruptionBudget", "PersistentVolumeClaim"} <= kinds


def test_variables_are_settings_of_the_service(documents: list[Document]) -> None:
    config: Document = next((document["data"] for document in documents if document["kind"] == "ConfigMap"), {})
    for service, container in containers(documents):
        check_settings(service, {variable["name"] for variable in container["env"]})
        assert "SILVERPRINT_TOKEN" in {variable["name"] for variable in container["env"]}, "services know each other"
        if "envFrom" in container:
            check_settings("files", set(config) - {"SILVERPRINT_DATABASE"})


def test_ports_and_probes_are_those_of_the_containers(documents: list[Document]) -> None:
    for service, container in containers(documents):
        ports = {port["containerPort"] for port in container["ports"]}
        assert ports == exposed(service)
        assert "readinessProbe" in container
        assert "livenessProbe" in container
        for probe in (container["readinessProbe"], container["livenessProbe"]):
            if "grpc" in probe:
                assert probe["grpc"]["port"] in ports


def test_pods_are_locked_down_and_bounded(documents: list[Document]) -> None:
    for document in documents:
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
    for _, container in containers(documents):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["resources"]["requests"]["cpu"]
        assert container["resources"]["limits"]["memory"]


def test_s26_clients_of_a_gateway_in_a_container_show_keys() -> None:
    gateway = DOCKERFILE.partition("AS gateway")[2].partition("FROM ")[0]
    assert "SILVERPRINT_HOST=0.0.0.0" in gateway
    assert "SILVERPRINT_KEYS=1" in gateway


def test_s27_no_secret_of_databases_or_buckets_is_where_nodes_run(documents: list[Document]) -> None:
    """Nodes are anybody's code: an executor has the token of the installation, and nothing else to take."""
    secrets = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for service, container in containers(documents)
        if service == "executor"
        for variable in container["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    assert secrets == {"token"}


def test_services_and_budgets_select_pods_that_there_are(documents: list[Document]) -> None:
    labels = [
        document["spec"]["template"]["metadata"]["labels"]
        for document in documents
        if "template" in document.get("spec", {})
    ]
    for document in documents:
        if document["kind"] == "Service":
            selector = document["spec"]["selector"]
        elif document["kind"] == "PodDisruptionBudget":
            selector = document["spec"]["selector"]["matchLabels"]
        else:
            continue
        assert any(selector.items() <= label.items() for label in labels), document["metadata"]["name"]


def test_the_gpu_is_asked_for_where_it_is_used() -> None:
    def limits(documents: list[Document]) -> Document:
        found: Document = dict(containers(documents))["executor"]["resources"]["limits"]
        return found

    assert "nvidia.com/gpu" not in limits(kustomized("cpu"))
    assert limits(kustomized("gpu"))["nvidia.com/gpu"] == "1"
    assert limits(charted({}))["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in limits(charted(VARIANTS["on the CPU"]))


def test_executors_scale_with_the_depth_of_the_queue() -> None:
    for documents in (kustomized("gpu"), charted(VARIANTS["with everything"])):
        scaled = next(document for document in documents if document["kind"] == "ScaledObject")
        deployment = next(
            one for one in documents if one["metadata"]["name"] == scaled["spec"]["scaleTargetRef"]["name"]
        )
        assert "replicas" not in deployment["spec"]
        assert "silverprint_queue_depth" in scaled["spec"]["triggers"][0]["metadata"]["query"]


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_helm_has_nothing_to_say_against_the_chart(values: Document) -> None:
    report = helm_python.lint(str(CHART), values, strict=True)
    assert [message for message in report["messages"] if message["severity"] > 1] == []


def test_the_compose_file_names_what_there_is() -> None:
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    own = {name: service for name, service in compose["services"].items() if "build" in service}
    assert {"queue-1", "queue-2", "files", "gateway", "executor-1", "executor-2"} == set(own)
    for name, service in own.items():
        target = service["build"]["target"]
        assert target in targets
        assert (DEPLOY / "compose" / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        check_settings(target, set(service["environment"]))
        assert name.startswith(target)
        assert "SILVERPRINT_TOKEN" in service["environment"], "services know each other"
    for service in compose["services"].values():
        assert "build" in service or re.search(r":v?\d", service["image"]), "images are pinned"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "compose" / source).exists(), source
            elif not source.startswith("$"):
                assert source in compose["volumes"], source
    gpu = yaml.safe_load((DEPLOY / "compose" / "compose.gpu.yaml").read_text())
    assert set(gpu["services"]) <= set(own)


def test_container_files_copy_what_there_is_and_only_executors_have_torch() -> None:
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in (ROOT / ".dockerignore").read_text().splitlines(), source
    stages = {stage.split("\n")[0].split(" AS ")[1]: stage for stage in DOCKERFILE.split("\nFROM ")[1:]}
    assert {name for name, stage in stages.items() if "torch" in stage or "[executor" in stage} == {"executor"}
    for name, stage in stages.items():
        if name in SETTINGS:
            check_settings(name, set(re.findall(r"\b(SILVERPRINT_[A-Z_]+)=", stage)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any(name.startswith(("torch", "numpy", "safetensors")) for name in project["dependencies"])
    extras = {name for extras in re.findall(r"\[([a-z0-9,]+)\]\"", DOCKERFILE) for name in extras.split(",")}
    assert extras <= set(project["optional-dependencies"])
