"""Writes test/fixtures/schemas/kubernetes.json: the published schemas of the kinds in infra/kubernetes, where unknown fields are errors.

Run by hand when infra/kubernetes uses another kind, or for another version of Kubernetes or KEDA:

    pip install kubernetes-validate==1.37.0 pyyaml
    go mod download -json github.com/kedacore/keda/v2@v2.21.0
    python write_kubernetes_schemas.py $(go env GOMODCACHE)/github.com/kedacore/keda/v2@v2.21.0 > ../../test/fixtures/schemas/kubernetes.json
"""

import json
import pathlib
import sys

import kubernetes_validate
import yaml

VERSION = "1.37.0"
KINDS = {
    "v1/Namespace": "namespace-v1",
    "v1/Service": "service-v1",
    "v1/ServiceAccount": "serviceaccount-v1",
    "apps/v1/Deployment": "deployment-apps-v1",
    "autoscaling/v2/HorizontalPodAutoscaler": "horizontalpodautoscaler-autoscaling-v2",
    "policy/v1/PodDisruptionBudget": "poddisruptionbudget-policy-v1",
    "networking.k8s.io/v1/NetworkPolicy": "networkpolicy-networking-v1",
}

folder = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
definitions = json.loads((folder / "_definitions.json").read_text())["$defs"]
used = {}


def shorten(schema):
    """Without texts, and with the definitions that it refers to in `used`."""
    if isinstance(schema, list):
        return [shorten(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    short = {}
    for name, value in schema.items():
        if name in ("description", "$schema", "$id") and isinstance(value, str) or name.startswith("x-kubernetes"):
            continue
        if name == "$ref":
            target = value.rsplit("/", 1)[1]
            if target not in used:
                used[target] = None
                used[target] = shorten(definitions[target])
            value = f"#/definitions/{target}"
        short[name] = shorten(value)
    return short


def strict(schema):
    """A custom resource's fields are dropped when they are unknown: here they are an error."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {
        name: strict(value)
        for name, value in schema.items()
        if not (name == "description" and isinstance(value, str)) and not name.startswith("x-kubernetes")
    }
    if copy.get("type") == "object" and "properties" in copy and "additionalProperties" not in copy:
        copy["additionalProperties"] = False
    return copy


kinds = {kind: shorten(json.loads((folder / f"{file}.json").read_text())) for kind, file in KINDS.items()}
for file in ("scaledobjects", "triggerauthentications"):
    crd = yaml.safe_load((pathlib.Path(sys.argv[1]) / "config/crd/bases" / f"keda.sh_{file}.yaml").read_text())
    schema = strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    # Kubernetes itself checks the metadata of every object.
    schema["properties"]["metadata"] = kinds["v1/Namespace"]["properties"]["metadata"]
    kinds[f"keda.sh/v1alpha1/{crd['spec']['names']['kind']}"] = schema
print(json.dumps({"source": f"Kubernetes {VERSION}, KEDA 2.21.0", "kinds": kinds, "definitions": used}, separators=(",", ":")))
