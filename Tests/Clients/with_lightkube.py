"""lightkube (PyPI): typed dataclasses, patches of every type, apply, chunked lists, a watch that goes on by itself, and generic resources."""

import threading

from lightkube import ApiError, Client, KubeConfig, operators
from lightkube.config.kubeconfig import Cluster, User
from lightkube.generic_resource import create_global_resource
from lightkube.models.core_v1 import NodeCondition, NodeSpec, NodeStatus, Taint
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Node, NodeStatus as NodeStatusResource
from lightkube.types import CascadeType, PatchType

from checks import conclude

CHECKS = 35


def refusal(call, *arguments, **options):
    """Code, reason and message of a call that must be refused."""
    try:
        call(*arguments, **options)
    except ApiError as refused:
        return refused.status.code, refused.status.reason, refused.status.message
    return "accepted"


def edge(number, **labels):
    return Node(metadata=ObjectMeta(name=f"edge-{number}", labels=labels))


def crud(check, kube):
    made = kube.create(Node(metadata=ObjectMeta(name="edge-1", labels={"zone": "a"}), spec=NodeSpec(podCIDR="10.1.0.0/24")))
    check("create answers the object", (made.kind, made.metadata.name, made.spec.podCIDRs), ("Node", "edge-1", ["10.1.0.0/24"]))
    check("create twice", refusal(kube.create, edge(1)), (409, "AlreadyExists", 'nodes "edge-1" already exists'))
    check("get", kube.get(Node, "edge-1"), made)
    check("get of none", refusal(kube.get, Node, "none"), (404, "NotFound", 'nodes "none" not found'))
    made.metadata.labels["zone"] = "b"
    replaced = kube.replace(made)
    check("replace", replaced.metadata.labels, {"zone": "b"})
    check("replace of what has changed", refusal(kube.replace, made)[:2], (409, "Conflict"))
    replaced.status = NodeStatus(conditions=[NodeCondition(type="Ready", status="True")])
    answer = kube.replace(NodeStatusResource(metadata=replaced.metadata, status=replaced.status), name="edge-1")
    check("replace of status", [(c.type, c.status) for c in answer.status.conditions], [("Ready", "True")])
    check("get of status", kube.get(NodeStatusResource, "edge-1").status.conditions[0].type, "Ready")
    check("a dry run answers an object", kube.create(edge(0), dry_run=True).metadata.name, "edge-0")
    check("a dry run stores nothing", refusal(kube.get, Node, "edge-0")[0], 404)
    check("set changes labels and annotations", kube.set(Node, "edge-1", labels={"zone": None, "s": "1"}, annotations={"n": "1"}).metadata.labels, {"s": "1"})


def patches(check, kube):
    for kind, body in {
        PatchType.JSON: [{"op": "add", "path": "/metadata/labels/by", "value": "JSON"}],
        PatchType.MERGE: {"metadata": {"labels": {"by": "MERGE"}}},
        PatchType.STRATEGIC: {"metadata": {"labels": {"by": "STRATEGIC"}}},
        PatchType.APPLY: {"apiVersion": "v1", "kind": "Node", "metadata": {"labels": {"by": "APPLY"}}},
    }.items():
        check(f"{kind.name} is applied", kube.patch(Node, "edge-1", body, patch_type=kind, field_manager="m", force=True).metadata.labels["by"], kind.name)
    taints = Node(spec=NodeSpec(taints=[Taint(key="t", effect="NoSchedule")]))
    check("a patch may be a typed object", kube.patch(Node, "edge-1", taints).spec.taints[0].key, "t")


def apply(check, kube):
    check("apply creates", kube.apply(edge("a", a="1", b="1"), field_manager="one").metadata.labels, {"a": "1", "b": "1"})
    code, _, message = refusal(kube.apply, edge("a", a="2"), field_manager="two")
    check("a conflict names who and what", (code, message), (409, 'Apply failed with 1 conflict: conflict with "one": .metadata.labels.a'))
    check("force takes it", kube.apply(edge("a", a="2"), field_manager="two", force=True).metadata.labels["a"], "2")
    check("what is not applied any more goes", kube.apply(edge("a"), field_manager="one").metadata.labels, {"a": "2"})
    status = NodeStatusResource(metadata=ObjectMeta(name="edge-a"), status=NodeStatus(phase="Running"))
    check("apply to status", kube.apply(status, field_manager="three").status.phase, "Running")
    kube.delete(Node, "edge-a", cascade=CascadeType.BACKGROUND, grace_period=0)
    check("delete", refusal(kube.get, Node, "edge-a")[0], 404)


def lists(check, kube):
    for number in range(2, 9):
        kube.create(edge(number, zone="ab"[number % 2]))
    listing = kube.list(Node, chunk_size=3)
    check("chunks make up the list", [n.metadata.name for n in listing], [f"edge-{n}" for n in range(1, 9)])
    check("a list tells its revision", int(listing.resourceVersion) > 0)
    check("labels select", [n.metadata.name for n in kube.list(Node, labels={"zone": operators.in_(["a"])})], ["edge-2", "edge-4", "edge-6", "edge-8"])
    check("absence selects", [n.metadata.name for n in kube.list(Node, labels={"zone": operators.not_exists()})], ["edge-1"])
    check("fields select", [n.metadata.name for n in kube.list(Node, fields={"metadata.name": "edge-3"})], ["edge-3"])
    return listing.resourceVersion


def watches(check, kube, start):
    kube.set(Node, "edge-2", labels={"n": "1"})
    kube.set(Node, "edge-2", labels={"n": "2"})
    kube.delete(Node, "edge-8")
    stream = kube.watch(Node, resource_version=start)
    kind, first = next(stream)
    check("a watch begins after its revision", (kind, first.metadata.labels["n"]), ("MODIFIED", "1"))
    stream.close()
    # The server ends it after each second; the client opens it again where it was.
    stream = kube.watch(Node, resource_version=first.metadata.resourceVersion, server_timeout=1)
    check("and is resumed from any event", [(kind, thing.metadata.name) for kind, thing in (next(stream), next(stream))], [("MODIFIED", "edge-2"), ("DELETED", "edge-8")])
    later = threading.Timer(1.5, lambda: kube.set(Node, "edge-3", labels={"n": "3"}))
    later.start()
    kind, thing = next(stream)
    later.join()
    check("and goes on after its end", (kind, thing.metadata.name, thing.metadata.labels["n"]), ("MODIFIED", "edge-3", "3"))
    stream.close()
    check("a condition is waited for", kube.wait(Node, "edge-1", for_conditions=["Ready"]).metadata.name, "edge-1")


def generic(check, kube):
    anything = create_global_resource("", "v1", "Node", "nodes")
    check("a resource without a type is listed", [n.metadata.name for n in kube.list(anything)], [f"edge-{n}" for n in range(1, 8)])
    check("and patched", kube.patch(anything, "edge-4", {"metadata": {"labels": {"g": "1"}}}, patch_type=PatchType.MERGE)["metadata"]["labels"]["g"], "1")
    check("a kind that is not served", refusal(kube.get, create_global_resource("", "v1", "Nothing", "nothings"), "x")[:2], (404, "NotFound"))
    kube.deletecollection(Node)
    check("a collection is deleted", list(kube.list(Node)), [])


def work(check, door):
    cluster, user = Cluster(server=door.server), User()
    if door.certificates:
        cluster = Cluster(server=door.server, certificate_auth=f"{door.certificates}/apiserver.crt")
        user = User(client_cert=f"{door.certificates}/admin.crt", client_key=f"{door.certificates}/admin.key")
    # HTTP/2 where TLS negotiates it.
    with Client(config=KubeConfig.from_one(cluster=cluster, user=user), trust_env=False, http2=bool(door.certificates)) as kube:
        crud(check, kube)
        patches(check, kube)
        apply(check, kube)
        watches(check, kube, lists(check, kube))
        generic(check, kube)


conclude(work, CHECKS)
