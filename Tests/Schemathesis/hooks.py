"""What schemathesis is told beyond the published documents, and what it checks.

The end-to-end test of the same name starts it with this module as SCHEMATHESIS_HOOKS, for one document at a time, against a daemon of its own. Requests that
only chance would make useful are made so (few names, labels that are labels, patches in their forms), most others are left as they come. Two checks look at
every answer:
`no_server_error` lets pass what docs/internals/semantics.md demands and nothing else, `keeps_its_schema` reads answers, events and errors by the schemas of the document.
When all is over a summary is printed, which the test reads.
"""

import atexit
import collections
import json
import random
import zlib

import jsonschema_rs
import schemathesis
import yaml
from schemathesis.core import NOT_SET

NAMES = ["one", "two", "three"]
STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
EVENT = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"
APPLY = "application/apply-patch+yaml"
# Changes that have a chance, for the schema of a patch says nothing.
PATCHES = [
    {"metadata": {"labels": {"zone": "a"}}},
    {"metadata": {"annotations": {"note": None}, "finalizers": ["example.org/wait"]}},
    {"metadata": {"finalizers": None}},
    {"metadata": {"finalizers": []}},
    {"spec": {"unschedulable": True}},
    {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}},
    {"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}},
    {"status": {"conditions": [{"type": "Ready", "status": "True"}], "images": [{"sizeBytes": 1}]}},
    {"status": {"capacity": {"cpu": 1.5, "memory": "1Gi"}, "addresses": [{"type": "Hostname", "address": "a"}]}},
]

demanded = collections.Counter()
read = collections.Counter()
good = collections.Counter()


def is_watch(case):
    watch = (case.query or {}).get("watch", "false")
    if isinstance(watch, list):
        watch = watch[0] if watch else "false"
    # Everything that is not plainly false is true to Go's conversion.
    return case.method == "GET" and ("/watch/" in case.path or str(watch).lower() not in ("false", "0"))


# Requests


@schemathesis.hook
def before_call(context, case, kwargs):
    # The same request is always bent the same way, so that a failure can be told again.
    chance = random.Random(zlib.crc32(json.dumps([case.path, case.method, case.path_parameters, case.query, case.body], default=str).encode()))
    if isinstance((case.path_parameters or {}).get("name"), str) and chance.random() < 0.8:
        case.path_parameters["name"] = chance.choice(NAMES)
    if is_watch(case):
        # Without it a watch would last for half an hour. A negative one ends a watch as it begins, once in a while it may show something.
        case.query["timeoutSeconds"] = "1" if chance.random() < 0.1 else "-1"
    if case.headers is not None and "Accept" not in case.headers and not is_watch(case):
        # /version is given as JSON alone.
        others = [] if case.path == "/version/" else ["application/yaml", "application/vnd.kubernetes.protobuf"]
        case.headers["Accept"] = chance.choice(["application/json", "application/json", "*/*"] + others)
    for option in ("dryRun", "fieldValidation", "propagationPolicy", "resourceVersionMatch", "continue", "limit", "resourceVersion", "labelSelector", "fieldSelector"):
        # Nearly every text is a wrong value of these, and one of them hides all others.
        if option in (case.query or {}) and chance.random() < 0.7:
            del case.query[option]
    if isinstance(case.body, dict) and case.path.endswith("reviews"):
        case.body = question(case.body, case, chance)
    elif isinstance(case.body, dict):
        body = tamed(case.body, case, chance)
        if case.method == "PATCH":
            body = patch(body, case, chance)
        case.body = body


def tamed(body, case, chance):
    """The body with metadata that has a chance to be accepted, mostly."""
    if case.method == "DELETE" or chance.random() < 0.2:
        return body
    body = dict(body)
    metadata = body.get("metadata")
    kept = {k: v for k, v in metadata.items() if chance.random() < 0.1} if isinstance(metadata, dict) else {}
    kept["name"] = (case.path_parameters or {}).get("name") or chance.choice(NAMES)
    kept.setdefault("labels", {"zone": chance.choice(NAMES)})
    body["metadata"] = kept
    for name in ("kind", "apiVersion"):
        body.pop(name, None)
    for part in ("spec", "status"):
        inside = body.get(part)
        if isinstance(inside, dict):
            body[part] = {k: v for k, v in inside.items() if chance.random() < 0.3}
    return body


def question(body, case, chance):
    """A review that asks something, mostly: it has no metadata, and is about a resource or a path but not both."""
    if chance.random() < 0.2:
        return body
    spec = body.get("spec")
    spec = dict(spec) if isinstance(spec, dict) else {}
    if case.path.endswith("/tokenreviews"):
        spec["token"] = chance.choice(NAMES)
    elif case.path.endswith("/selfsubjectrulesreviews"):
        spec["namespace"] = chance.choice(NAMES)
    elif case.path.endswith("accessreviews"):
        spec = {k: v for k, v in spec.items() if not k.endswith("Attributes")} | {"user": chance.choice(NAMES)}
        if chance.random() < 0.7 or "localsubject" in case.path:
            spec["resourceAttributes"] = {"verb": "get", "resource": "nodes", "namespace": (case.path_parameters or {}).get("namespace", "")}
        else:
            spec["nonResourceAttributes"] = {"verb": "get", "path": "/version"}
        if "selfsubject" in case.path:
            del spec["user"]
        # Go answers a list in a map that was given as null with null, whatever its schema says.
        if isinstance(spec.get("extra"), dict):
            spec["extra"] = {k: v for k, v in spec["extra"].items() if v is not None}
    return {"spec": spec}


def patch(body, case, chance):
    if case.media_type == "application/json-patch+json":
        paths = ["/metadata/labels/zone", "/metadata/annotations", "/spec", "/status", "/spec/taints/0", "/metadata/name", "", "/nothing/here", "not a pointer"]
        kinds = ["add", "replace", "remove", "test", "move", "copy", "nonsense"]
        values = list(body.values()) + [{"a": "b"}, "x"]
        return [
            {"op": chance.choice(kinds), "path": chance.choice(paths), "from": chance.choice(paths), "value": chance.choice(values)}
            for _ in range(chance.randint(0, 3))
        ]
    if chance.random() < 0.7:
        body = dict(chance.choice(PATCHES))
    if case.media_type == APPLY:
        case.query["fieldManager"] = chance.choice(NAMES)
        if chance.random() < 0.8:
            body = body | {"kind": "Node", "apiVersion": "v1"}
        if chance.random() < 0.5:
            case.query["force"] = "true"
    elif chance.random() < 0.9:
        case.query.pop("force", None)
    return body


# Checks


@schemathesis.check
def no_server_error(ctx, response, case):
    if response.status_code < 500:
        return
    rule = rule_for(response, case)
    assert rule, f"a server error that nothing demands: {response.status_code} {response.text[:500]}"
    demanded[rule] += 1


def rule_for(response, case):
    """The rule of docs/internals/semantics.md that wants this server error; None if none does."""
    if response.status_code != 500:
        return None
    version = (case.query or {}).get("resourceVersion")
    if case.method == "GET" and version and not is_number(version) and (is_watch(case) or "{name}" in case.path):
        return "2.30"  # A resourceVersion that is no number: GET and WATCH answer 500.
    metadata = case.body.get("metadata") if isinstance(case.body, dict) else None
    if case.method == "POST" and isinstance(metadata, dict) and metadata.get("resourceVersion"):
        return "2.12"  # A resourceVersion in what is to be created: 500 without a reason.
    return None


def is_number(text):
    return isinstance(text, int) or isinstance(text, str) and text.isascii() and text.isdecimal() and int(text) < 1 << 64


@schemathesis.check
def keeps_its_schema(ctx, response, case):
    kind = response.headers.get("content-type", [""])[0]
    if kind not in ("application/json", "application/yaml"):
        if response.status_code < 400 and response.content:
            assert kind == "application/vnd.kubernetes.protobuf", f"an answer of type {kind!r}"
            good[case.operation.label] += 1
        return
    schemas = Schemas.of(case)
    if response.status_code == 200 and is_watch(case):
        for line in response.content.splitlines():
            event = json.loads(line)
            schemas.check(reference(EVENT), event)
            schemas.check(reference(STATUS if event["type"] == "ERROR" else schemas.kind(case)), event["object"])
        read["events"] += len(response.content.splitlines())
        good[case.operation.label] += 1
        return
    value = json.loads(response.content) if kind.endswith("json") else yaml.load(response.content, YAML)
    if response.status_code >= 400:
        # The documents of discovery have no errors.
        if STATUS in schemas.components["schemas"]:
            schemas.check(reference(STATUS), value)
        assert value["kind"] == "Status" and value["status"] == "Failure" and value["code"] == response.status_code, f"no Status of this answer: {value}"
        read["errors"] += 1
        return
    methods = schemas.document["paths"][case.operation.path]
    # The documents of groups look at no method: each is answered as GET is, as by kube-apiserver's aggregator.
    answers = (methods.get(case.method.lower()) or methods["get"])["responses"]
    assert str(response.status_code) in answers, f"the document has no answer {response.status_code}"
    schemas.check(answers[str(response.status_code)]["content"][kind]["schema"], value)
    read["answers"] += 1
    good[case.operation.label] += 1


def reference(name):
    return {"$ref": "#/components/schemas/" + name}


class Schemas:
    """The schemas of a document, in the words of JSON Schema."""

    known = {}

    def __init__(self, document):
        self.document = document
        self.components = with_null(document["components"])
        self.validators = {}

    @classmethod
    def of(cls, case):
        document = case.operation.schema.raw_schema
        if id(document) not in cls.known:
            cls.known[id(document)] = cls(document)
        return cls.known[id(document)]

    def kind(self, case):
        """The schema of the objects of a resource, by the document."""
        kind = self.document["paths"][case.operation.path]["get"]["x-kubernetes-group-version-kind"]
        for name, schema in self.document["components"]["schemas"].items():
            if kind in schema.get("x-kubernetes-group-version-kind", []):
                return name
        raise AssertionError(f"the document has no schema of {kind}")

    def check(self, schema, value):
        key = json.dumps(schema)
        if key not in self.validators:
            self.validators[key] = jsonschema_rs.Draft7Validator({"allOf": [schema], "components": self.components}, validate_formats=True)
        for error in self.validators[key].iter_errors(value):
            raise AssertionError(f"an answer that breaks its schema: {error.message[:300]} at {error.instance_path}")


def with_null(schema):
    """`nullable` of OpenAPI 3.0, which JSON Schema does not know."""
    if isinstance(schema, list):
        return [with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: with_null(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


class YAML(yaml.SafeLoader):
    """Times stay texts, as they are in JSON."""

    yaml_implicit_resolvers = {
        first: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@atexit.register
def summary():
    for rule, count in sorted(demanded.items()):
        print(f"semantics {rule} demanded {count} server errors")
    print("read by their schemas: " + ", ".join(f"{count} {what}" for what, count in sorted(read.items())))
    for label, count in sorted(good.items()):
        print(f"answered well: {label} ({count})")
