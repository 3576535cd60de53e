"""What schemathesis is told beyond the published documents, and what it checks.

The end-to-end test of the same name starts it with this module as SCHEMATHESIS_HOOKS, for one document at a time, against a daemon of its own. Requests that
only chance would make useful are made so (few names, labels that are labels, patches in their forms), most others are left as they come. How follows from the
operation: its kind, whether it has a namespace, the members of its schema; the few things that a kind needs beyond that stand in tables. Two checks look at
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
STRATEGIC = "application/strategic-merge-patch+json"
# Changes that have a chance, for the schema of a patch says nothing.
PATCHES = [
    {"metadata": {"labels": {"zone": "a"}}},
    {"metadata": {"annotations": {"note": None}, "finalizers": ["example.org/wait"]}},
    {"metadata": {"finalizers": None}},
    {"metadata": {"finalizers": []}},
]

# How messages begin by which an apply is refused that does not fit its type.
UNFITTING = ("failed to create typed patch object (", "failed to convert new object (")
# How a server says that a strategic merge patch does not fit the type.
UNMERGEABLE = (
    "unknown patch type: ",
    "unable to find api field in struct ",
    "expected slice or array type, but got: ",
    "merging an object in json but data type is not struct, instead is: ",
    "map: map[",
    "expected a ",
    "list element types are not identical: ",
    "merging lists cannot yet be specified in the patch",
)

# What some kinds need beyond their schemas, by group and kind.

# Changes whose parts belong together.
MORE_PATCHES = {
    ("", "Node"): [
        {"spec": {"unschedulable": True}},
        {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}},
        {"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}},
        {"status": {"conditions": [{"type": "Ready", "status": "True"}], "images": [{"sizeBytes": 1}]}},
        {"status": {"capacity": {"cpu": 1.5, "memory": "1Gi"}, "addresses": [{"type": "Hostname", "address": "a"}]}},
    ],
}
# An event is about something in its own namespace. The newer group asks for all of the report and refuses what only the older one has.
NEEDED = {
    ("", "Event"): {"involvedObject": {"kind": "Pod", "namespace": "default", "name": "one"}, "eventTime": None},
    ("events.k8s.io", "Event"): {
        "regarding": {"kind": "Pod", "namespace": "default", "name": "one"},
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "reportingController": "example.org/teller",
        "reportingInstance": "teller-one",
        "action": "Tell",
        "reason": "Told",
        "type": "Normal",
        "series": None,
        "deprecatedCount": None,
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
        "deprecatedSource": None,
    },
}
# A namespace goes in two steps and its name is not free before the second: one that stays.
MORE_NAMES = {("", "Namespace"): ["kube-public"]}

demanded = collections.Counter()
read = collections.Counter()
good = collections.Counter()
# The resourceVersion that an object had when it was last seen.
versions = {}


def is_watch(case):
    watch = (case.query or {}).get("watch", "false")
    if isinstance(watch, list):
        watch = watch[0] if watch else "false"
    # Everything that is not plainly false is true to Go's conversion.
    return case.method == "GET" and ("/watch/" in case.path or str(watch).lower() not in ("false", "0"))


# Operations


class Target:
    """What an operation is about, by the document."""

    def __init__(self, case):
        self.schemas = Schemas.of(case)
        operation = self.schemas.document["paths"][case.operation.path].get(case.operation.method.lower(), {})
        self.gvk = operation.get("x-kubernetes-group-version-kind") or {"group": "", "version": "", "kind": ""}
        self.id = (self.gvk["group"], self.gvk["kind"])
        self.api_version = "/".join(filter(None, [self.gvk["group"], self.gvk["version"]]))
        self.names = NAMES + MORE_NAMES.get(self.id, [])
        parameters = case.path_parameters or {}
        self.namespace, self.name = parameters.get("namespace"), parameters.get("name")

    @property
    def members(self):
        """The members of the kind that say what it is, with their schemas."""
        properties = self.schemas.properties(self.gvk)
        return {name: schema for name, schema in properties.items() if name not in ("apiVersion", "kind", "metadata")}


# Requests


@schemathesis.hook
def before_call(context, case, kwargs):
    # The same request is always bent the same way, but for the resourceVersions seen, so that a failure can be told again.
    chance = random.Random(zlib.crc32(json.dumps([case.path, case.method, case.path_parameters, case.query, case.body], default=str).encode()))
    target = Target(case)
    if isinstance(target.namespace, str) and chance.random() < 0.9:
        case.path_parameters["namespace"] = "default"
    if isinstance(target.name, str) and chance.random() < 0.8:
        case.path_parameters["name"] = chance.choice(target.names)
    if isinstance(target.name, str) and case.method == "PUT" and chance.random() < 0.1:
        # Some kinds are created so.
        case.path_parameters["name"] = fresh(chance)
    target = Target(case)
    if is_watch(case):
        # Without it a watch would last for half an hour. A negative one ends a watch as it begins, once in a while it may show something.
        case.query["timeoutSeconds"] = "1" if chance.random() < 0.02 else "-1"
    if case.headers is not None and "Accept" not in case.headers and not is_watch(case):
        # /version is given as JSON alone.
        others = [] if case.path == "/version/" else ["application/yaml", "application/vnd.kubernetes.protobuf"]
        case.headers["Accept"] = chance.choice(["application/json", "application/json", "*/*"] + others)
    for option in ("dryRun", "fieldValidation", "propagationPolicy", "resourceVersionMatch", "continue", "limit", "resourceVersion", "labelSelector", "fieldSelector"):
        # Nearly every text is a wrong value of these, and one of them hides all others.
        if option in (case.query or {}) and chance.random() < 0.7:
            del case.query[option]
    if not isinstance(case.body, dict):
        return
    if target.gvk["kind"].endswith("Review"):
        case.body = question(case.body, case, chance)
    else:
        body = tamed(case.body, case, target, chance)
        if case.method == "PATCH":
            body = patch(body, case, target, chance)
        case.body = body


def fresh(chance):
    """A name that nothing has yet, most likely."""
    return f"{chance.choice(NAMES)}-{chance.randrange(100_000)}"


def tamed(body, case, target, chance):
    """The body with metadata that has a chance to be accepted, mostly."""
    if case.method == "DELETE" or chance.random() < 0.2:
        return body
    metadata = body.get("metadata")
    kept = {k: v for k, v in metadata.items() if chance.random() < 0.1} if isinstance(metadata, dict) else {}
    # What exists can't be created, and names are few.
    kept["name"] = target.name or (fresh(chance) if chance.random() < 0.5 else chance.choice(NAMES))
    kept.setdefault("labels", {"zone": chance.choice(NAMES)})
    seen = versions.get((*target.id, target.namespace, target.name))
    if case.method == "PUT" and seen and chance.random() < 0.5:
        kept["resourceVersion"] = seen
    made = {}
    for name, schema in target.members.items():
        inside = body.get(name)
        if name in ("spec", "status") and isinstance(inside, dict):
            made[name] = {k: v for k, v in inside.items() if chance.random() < 0.3}
        elif name in ("spec", "status") or chance.random() < 0.5:
            if name in body:
                made[name] = named(inside, schema, chance)
    return made | NEEDED.get(target.id, {}) | {"metadata": kept}


def named(value, schema, chance):
    """A map with keys that are names, mostly."""
    if not isinstance(value, dict) or "additionalProperties" not in schema:
        return value
    return {chance.choice(NAMES) if chance.random() < 0.7 else key: inside for key, inside in value.items()}


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


def patch(body, case, target, chance):
    if case.media_type == "application/json-patch+json":
        paths = ["/metadata/labels/zone", "/metadata/annotations", "/metadata/name", "", "/nothing/here", "not a pointer"]
        paths += ["/" + member for member in target.members] + ["/spec/taints/0"]
        kinds = ["add", "replace", "remove", "test", "move", "copy", "nonsense"]
        values = list(body.values()) + [{"a": "b"}, "x"]
        return [
            {"op": chance.choice(kinds), "path": chance.choice(paths), "from": chance.choice(paths), "value": chance.choice(values)}
            for _ in range(chance.randint(0, 3))
        ]
    if chance.random() < 0.7:
        changes = PATCHES + MORE_PATCHES.get(target.id, [])
        if target.members:
            changes += [{name: target.schemas.some(schema, chance)} for name, schema in chance.sample(sorted(target.members.items()), 1)] * 3
        body = dict(chance.choice(changes))
    if case.media_type == STRATEGIC and chance.random() < 0.2:
        body["metadata"] = {"$patch": chance.choice(["replace", "delete", "nonsense"])}
    if case.media_type == APPLY:
        case.query["fieldManager"] = chance.choice(NAMES)
        if chance.random() < 0.8:
            body = NEEDED.get(target.id, {}) | body | {"kind": target.gvk["kind"], "apiVersion": target.api_version}
        if chance.random() < 0.2:
            body["nonsense"] = 1
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
    if case.method != "PATCH":
        return None
    message = told_without_reason(response)
    if case.media_type == APPLY and message.startswith(UNFITTING):
        return "2.52"  # What is applied does not fit the type.
    if case.media_type == STRATEGIC and message.startswith(UNMERGEABLE):
        return "2.53"  # A strategic merge that does not fit the type, or a directive that nobody knows.
    return None


def told_without_reason(response):
    """The message of a Status that has no reason; empty for one that has."""
    kind = response.headers.get("content-type", [""])[0]
    if "protobuf" in kind:
        # Enough to know it by: there the message is a text among others.
        text = response.content.decode("utf-8", "replace")
        starts = [text.index(start) for start in (*UNFITTING, *UNMERGEABLE) if start in text]
        return text[min(starts):] if starts else ""
    status = json.loads(response.content) if "json" in kind else yaml.safe_load(response.content)
    return status.get("message", "") if isinstance(status, dict) and not status.get("reason") else ""


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
    target = Target(case)
    if target.name and isinstance(value.get("metadata"), dict):
        versions[(*target.id, target.namespace, target.name)] = value["metadata"].get("resourceVersion")
    methods = schemas.document["paths"][case.operation.path]
    # The documents of groups look at no method: each is answered as GET is, as by kube-apiserver's aggregator.
    answers = (methods.get(case.method.lower()) or methods["get"])["responses"]
    assert str(response.status_code) in answers, f"the document has no answer {response.status_code}"
    schemas.check(answers[str(response.status_code)]["content"][kind]["schema"], value)
    read["answers"] += 1
    good[case.operation.label] += 1


def fail(why):
    raise AssertionError(why)


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
        gvk = self.document["paths"][case.operation.path]["get"]["x-kubernetes-group-version-kind"]
        return self.schema_of(gvk) or fail(f"the document has no schema of {gvk}")

    def schema_of(self, gvk):
        for name, schema in self.document["components"]["schemas"].items():
            if gvk in schema.get("x-kubernetes-group-version-kind", []):
                return name
        return None

    def properties(self, gvk):
        return self.whole(reference(self.schema_of(gvk))).get("properties", {}) if self.schema_of(gvk) else {}

    def whole(self, schema):
        """The schema with what it refers to."""
        for inner in schema.get("allOf", []) + [schema]:
            if "$ref" in inner:
                return self.whole(self.document["components"]["schemas"][inner["$ref"].rsplit("/", 1)[1]])
        return schema

    def some(self, schema, chance, depth=0):
        """A small value of this schema."""
        schema = self.whole(schema)
        kind, form = schema.get("type"), schema.get("format")
        if schema.get("enum"):
            return chance.choice(schema["enum"])
        if kind == "object" and "properties" in schema:
            needed = schema.get("required", [])
            return {k: self.some(v, chance, depth + 1) for k, v in schema["properties"].items() if k in needed or chance.random() < 0.4 / (1 + depth)}
        if kind == "object":
            return {chance.choice(NAMES): self.some(schema.get("additionalProperties") or {}, chance, depth + 1)}
        if kind == "array":
            return [self.some(schema.get("items", {}), chance, depth + 1)]
        if kind == "string":
            return {"date-time": "2026-01-02T03:04:05.000006Z", "byte": "b25l"}.get(form) or chance.choice(NAMES)
        return {"integer": chance.randint(1, 9), "number": 1.5, "boolean": chance.random() < 0.5}.get(kind, "1")

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
