"""The official Python client (PyPI: kubernetes): typed calls, every patch type, paging, watches, informers, and the dynamic client."""

import json
import queue

from kubernetes import client, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

from checks import conclude, node, ready

CHECKS = 70
PATCHES = {
    "application/json-patch+json": [{"op": "add", "path": "/metadata/labels/by", "value": "json"}],
    "application/merge-patch+json": {"metadata": {"labels": {"by": "merge"}}},
    "application/strategic-merge-patch+json": {"metadata": {"labels": {"by": "strategic"}}},
}


def refusal(call, *arguments, **options):
    """Status, reason and message of a call that must be refused."""
    try:
        call(*arguments, **options)
    except ApiException as refused:
        status = json.loads(refused.body)
        return refused.status, status["reason"], status["message"]
    return "accepted"


def crud(check, core):
    made = core.create_node(node("edge-1", zone="a"))
    check("create answers the object", (made.kind, made.api_version, made.metadata.name, made.spec.pod_cidrs), ("Node", "v1", "edge-1", ["10.1.0.0/24"]))
    check("uid, revision and time are set", all([made.metadata.uid, made.metadata.resource_version, made.metadata.creation_timestamp]))
    check("create twice", refusal(core.create_node, node("edge-1")), (409, "AlreadyExists", 'nodes "edge-1" already exists'))
    read = core.read_node("edge-1")
    check("read answers what create did", read.to_dict(), made.to_dict())
    check("read of none", refusal(core.read_node, "none"), (404, "NotFound", 'nodes "none" not found'))

    read.metadata.labels["zone"] = "b"
    replaced = core.replace_node("edge-1", read)
    check("replace changes", replaced.metadata.labels, {"zone": "b"})
    check("replace moves the revision", int(replaced.metadata.resource_version) > int(made.metadata.resource_version))
    status, reason, message = refusal(core.replace_node, "edge-1", read)
    check("replace of what has changed", (status, reason), (409, "Conflict"))
    check("the conflict is told as client-go expects", "the object has been modified; please apply your changes to the latest version" in message)

    status_before = core.read_node_status("edge-1")
    status_before.status.phase = "Running"
    check("status is replaced through its subresource", core.replace_node_status("edge-1", status_before).status.phase, "Running")
    patched = core.patch_node_status("edge-1", ready("True"))
    check("status is patched through its subresource", [(c.type, c.status) for c in patched.status.conditions], [("Ready", "True")])
    patched = core.patch_node("edge-1", {"status": {"phase": "Pending"}})
    check("status is not patched otherwise", patched.status.phase, "Running")

    trial = core.create_node(node("trial"), dry_run="All")
    check("a dry run answers an object", (trial.metadata.name, trial.metadata.resource_version), ("trial", None))
    check("a dry run stores nothing", refusal(core.read_node, "trial")[0], 404)
    odd = {"spec": {"nonsense": 1}}
    check("an unknown field is refused if asked so", refusal(core.patch_node, "edge-1", odd, field_validation="Strict")[:2], (422, "Invalid"))
    check("an unknown field is warned of otherwise", core.patch_node_with_http_info("edge-1", odd)[2]["Warning"], '299 - "unknown field \\"spec.nonsense\\""')
    bad = refusal(core.create_node, node("edge-9", zone="not/valid"))
    check("an invalid label is refused", bad[:2], (422, "Invalid"))
    check("and named", 'metadata.labels: Invalid value: "not/valid"' in bad[2])


def patches(check, core):
    for content_type, body in PATCHES.items():
        wanted = content_type.split("/")[1].split("-")[0]
        patched = core.patch_node("edge-1", body, _content_type=content_type, field_manager=f"{wanted}-er")
        check(f"{content_type} is applied", patched.metadata.labels["by"], wanted)
        managers = {f.manager: f.fields_v1 for f in patched.metadata.managed_fields}
        check(f"{content_type} owns what it changed", managers[f"{wanted}-er"], {"f:metadata": {"f:labels": {"f:by": {}}}})
    check("a patch without content type is one the client chooses", core.patch_node("edge-1", PATCHES["application/merge-patch+json"]).metadata.labels["by"], "merge")
    applied = core.patch_node(
        "edge-1", {"apiVersion": "v1", "kind": "Node", "metadata": {"labels": {"by": "apply"}}},
        _content_type="application/apply-patch+yaml", field_manager="applier", force=True)
    check("apply is applied", applied.metadata.labels["by"], "apply")
    check("apply owns it", [f.manager for f in applied.metadata.managed_fields if f.operation == "Apply"], ["applier"])
    check("a failing test stops a JSON patch", refusal(core.patch_node, "edge-1", [{"op": "test", "path": "/metadata/name", "value": "x"}])[:2], (422, "Invalid"))


def lists(check, core):
    for number in range(2, 9):
        core.create_node({"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"edge-{number}", "labels": {"zone": "ab"[number % 2]}}})
    everything = core.list_node()
    names = [n.metadata.name for n in everything.items]
    check("a list holds all, in order", names, [f"edge-{n}" for n in range(1, 9)])
    paged, token, left = [], None, []
    while True:
        page = core.list_node(limit=3, _continue=token)
        paged += [n.metadata.name for n in page.items]
        left.append(page.metadata.remaining_item_count)
        check("each page is of the same revision", page.metadata.resource_version, everything.metadata.resource_version)
        token = page.metadata._continue
        if not token:
            break
    check("pages make up the list", paged, names)
    check("pages tell what is left", left, [5, 2, None])
    check("labels select", [n.metadata.name for n in core.list_node(label_selector="zone in (b)").items], ["edge-1", "edge-3", "edge-5", "edge-7"])
    check("fields select", [n.metadata.name for n in core.list_node(field_selector="metadata.name=edge-2").items], ["edge-2"])
    check("a bad selector is refused", refusal(core.list_node, label_selector="a b")[:2], (400, "BadRequest"))
    check("a bad token is refused", refusal(core.list_node, _continue="garbage")[:2], (400, "BadRequest"))


def watches(check, core):
    start = core.list_node().metadata.resource_version
    core.patch_node("edge-2", {"metadata": {"labels": {"n": "1"}}})
    core.patch_node("edge-2", {"metadata": {"labels": {"n": "2"}}})
    core.delete_node("edge-8")
    stream = watch.Watch().stream(core.list_node, resource_version=start, timeout_seconds=10)
    first = next(stream)
    check("a watch begins after its revision", (first["type"], first["object"].metadata.labels["n"]), ("MODIFIED", "1"))
    stream.close()
    resumed, seen = watch.Watch(), []
    for event in resumed.stream(core.list_node, resource_version=first["object"].metadata.resource_version, timeout_seconds=10):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            resumed.stop()
    check("and is resumed from any event", seen, [("MODIFIED", "edge-2"), ("DELETED", "edge-8")])
    names = [e["object"].metadata.name for e in watch.Watch().stream(core.list_node, timeout_seconds=1, label_selector="zone=b")]
    check("a watch from nowhere begins with what is there, and ends in time", names, ["edge-1", "edge-3", "edge-5", "edge-7"])
    types = []
    for event in watch.Watch().stream(
        core.list_node, timeout_seconds=2, send_initial_events=True, resource_version_match="NotOlderThan", allow_watch_bookmarks=True):
        types.append((event["type"], event["raw_object"]["metadata"].get("annotations", {}).get("k8s.io/initial-events-end")))
        if event["type"] == "BOOKMARK":
            break
    check("initial events end with their bookmark", types, [("ADDED", None)] * 7 + [("BOOKMARK", "true")])


def informer(check, core):
    informer, heard = SharedInformer(core.list_node), queue.Queue()
    for kind in (ADDED, MODIFIED, DELETED):
        informer.add_event_handler(kind, lambda thing, kind=kind: heard.put((kind, thing.metadata.name)))
    informer.start()
    try:
        check("an informer hears of what is there", [heard.get(timeout=20) for _ in range(7)], [(ADDED, f"edge-{n}") for n in range(1, 8)])
        core.patch_node("edge-3", {"metadata": {"labels": {"n": "3"}}})
        core.delete_node("edge-7")
        check("and of changes in their order", [heard.get(timeout=20) for _ in range(2)], [(MODIFIED, "edge-3"), (DELETED, "edge-7")])
        check("and keeps what is left", sorted(informer.cache.list_keys()), [f"edge-{n}" for n in range(1, 7)])
    finally:
        informer.stop()


def discovered(check, api):
    there = dynamic.DynamicClient(api)
    nodes = there.resources.get(api_version="v1", kind="Node")
    check("discovery finds nodes", (nodes.name, nodes.namespaced, nodes.singular_name, nodes.short_names), ("nodes", False, "node", ["no"]))
    check("with every verb", set(nodes.verbs), {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})
    check("and status", "status" in nodes.subresources)
    check("by short name too", there.resources.get(short_names=["no"]).kind, "Node")
    check("the version is 1.36", there.version["kubernetes"]["gitVersion"].startswith("v1.36."))
    mine = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "dyn", "labels": {"a": "1", "b": "1"}}}
    check("apply creates", nodes.server_side_apply(mine, field_manager="one").metadata.labels.to_dict(), {"a": "1", "b": "1"})
    theirs = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "dyn", "labels": {"a": "2"}}}
    try:
        nodes.server_side_apply(theirs, field_manager="two")
        conflict = None
    except ConflictError as refused:
        conflict = json.loads(refused.body)
    check("a conflict names who and what", conflict["message"], 'Apply failed with 1 conflict: conflict with "one": .metadata.labels.a')
    check("as a cause too", [(c["reason"], c["field"]) for c in conflict["details"]["causes"]], [("FieldManagerConflict", ".metadata.labels.a")])
    check("force takes it", nodes.server_side_apply(theirs, field_manager="two", force_conflicts=True).metadata.labels.a, "2")
    check("what is not applied any more goes", nodes.server_side_apply({**mine, "metadata": {"name": "dyn"}}, field_manager="one").metadata.labels.to_dict(), {"a": "2"})
    check("merge patch", nodes.patch({"metadata": {"name": "dyn", "labels": {"c": "3"}}}, content_type="application/merge-patch+json").metadata.labels.c, "3")
    check("status is patched", nodes.status.patch({"metadata": {"name": "dyn"}, **ready("True")}).status.conditions[0].type, "Ready")
    check("list", [n.metadata.name for n in nodes.get(label_selector="c=3").items], ["dyn"])
    events = nodes.watch(name="dyn", timeout=5, resource_version=nodes.get(name="dyn").metadata.resourceVersion)
    check("delete answers a status", nodes.delete(name="dyn").status, "Success")
    check("watch by name", next(events)["type"], "DELETED")
    try:
        nodes.get(name="dyn")
        found = True
    except NotFoundError:
        found = False
    check("get of none", found, False)


def files_and_ends(check, api, core):
    made = utils.create_from_dict(api, {"apiVersion": "v1", "kind": "List", "items": [node("edge-10", made="file"), node("edge-11", made="file")]})
    check("a list of manifests is created", sorted(n.metadata.name for n in made), ["edge-10", "edge-11"])
    held = core.patch_node("edge-11", {"metadata": {"finalizers": ["example.com/hold"]}})
    check("a finalizer is kept", held.metadata.finalizers, ["example.com/hold"])
    core.delete_node("edge-11", body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=held.metadata.uid)))
    check("deletion waits for finalizers", core.read_node("edge-11").metadata.deletion_timestamp is not None)
    core.patch_node("edge-11", [{"op": "remove", "path": "/metadata/finalizers"}])
    check("and happens with the last", refusal(core.read_node, "edge-11")[0], 404)
    wrong = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="wrong"))
    check("a precondition is kept", refusal(core.delete_node, "edge-10", body=wrong)[:2], (409, "Conflict"))
    core.delete_collection_node(label_selector="made=file")
    check("a collection is deleted by selector", [n.metadata.name for n in core.list_node().items], [f"edge-{n}" for n in range(1, 7)])
    core.delete_collection_node()
    check("or whole", core.list_node().items, [])


def work(check, door):
    configuration = client.Configuration(host=door.server)
    if door.certificates:
        configuration.ssl_ca_cert = f"{door.certificates}/apiserver.crt"
        configuration.cert_file, configuration.key_file = f"{door.certificates}/admin.crt", f"{door.certificates}/admin.key"
    with client.ApiClient(configuration) as api:
        core = client.CoreV1Api(api)
        check("the version is 1.36", client.VersionApi(api).get_code().git_version.startswith("v1.36."))
        check("core has one version", client.CoreApi(api).get_api_versions().versions, ["v1"])
        crud(check, core)
        patches(check, core)
        lists(check, core)
        watches(check, core)
        informer(check, core)
        discovered(check, api)
        files_and_ends(check, api, core)


conclude(work, CHECKS)
