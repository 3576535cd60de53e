"""The asynchronous Python client (PyPI: kubernetes_asyncio): typed calls, patches, paging, a watch beside writes, and its dynamic client."""

import asyncio
import json

from kubernetes_asyncio import client, dynamic, watch
from kubernetes_asyncio.client.exceptions import ApiException

from checks import conclude, node, ready

CHECKS = 39


async def refusal(call):
    """Status, reason and message of a call that must be refused."""
    try:
        await call
    except ApiException as refused:
        status = json.loads(refused.body)
        return refused.status, status["reason"], status["message"]
    return "accepted"


async def crud(check, core):
    made = await core.create_node(node("edge-1", zone="a"))
    check("create answers the object", (made.kind, made.metadata.name, made.spec.pod_cidrs), ("Node", "edge-1", ["10.1.0.0/24"]))
    check("create twice", await refusal(core.create_node(node("edge-1"))), (409, "AlreadyExists", 'nodes "edge-1" already exists'))
    check("read", (await core.read_node("edge-1")).to_dict(), made.to_dict())
    made.metadata.labels["zone"] = "b"
    check("replace", (await core.replace_node("edge-1", made)).metadata.labels, {"zone": "b"})
    check("replace of what has changed", (await refusal(core.replace_node("edge-1", made)))[:2], (409, "Conflict"))
    patched = await core.patch_node_status("edge-1", ready("True"))
    check("status", [(c.type, c.status) for c in patched.status.conditions], [("Ready", "True")])
    await core.create_node(node("trial"), dry_run="All")
    check("a dry run stores nothing", (await refusal(core.read_node("trial")))[:2], (404, "NotFound"))
    check("an unknown field is refused if asked so", (await refusal(core.create_node({**node("odd"), "nonsense": 1}, field_validation="Strict")))[:2], (400, "BadRequest"))
    answer = await core.create_node_with_http_info({**node("odd"), "nonsense": 1}, dry_run="All")
    check("an unknown field is warned of otherwise", answer[2]["Warning"], '299 - "unknown field \\"nonsense\\""')


async def patches(check, core):
    for kind, body in {
        "json-patch+json": [{"op": "add", "path": "/metadata/labels/by", "value": "json"}],
        "merge-patch+json": {"metadata": {"labels": {"by": "merge"}}},
        "strategic-merge-patch+json": {"metadata": {"labels": {"by": "strategic"}}},
        "apply-patch+yaml": {"apiVersion": "v1", "kind": "Node", "metadata": {"labels": {"by": "apply"}}},
    }.items():
        force = True if kind.startswith("apply") else None
        patched = await core.patch_node("edge-1", body, _content_type=f"application/{kind}", field_manager="m", force=force)
        check(f"a {kind} is applied", patched.metadata.labels["by"], kind.split("-")[0])
    check("an apply needs a manager", (await refusal(core.patch_node("edge-1", body, _content_type="application/apply-patch+yaml")))[:2], (422, "Invalid"))


async def lists(check, core):
    await asyncio.gather(*(core.create_node({"metadata": {"name": f"edge-{n}", "labels": {"zone": "ab"[n % 2]}}}) for n in range(2, 9)))
    names, token = [], None
    while True:
        page = await core.list_node(limit=3, _continue=token)
        names += [n.metadata.name for n in page.items]
        check("a page is full or the last", len(page.items) == 3 or not page.metadata._continue)
        token = page.metadata._continue
        if not token:
            break
    check("pages make up the list", names, [f"edge-{n}" for n in range(1, 9)])
    check("labels select", len((await core.list_node(label_selector="zone!=b")).items), 4)


async def watches(check, core):
    start = (await core.list_node()).metadata.resource_version
    seen, opened = [], asyncio.Event()

    async def follow():
        async with watch.Watch() as stream:
            async for event in stream.stream(core.list_node, resource_version=start, timeout_seconds=20):
                seen.append((event["type"], event["object"].metadata.name, event["object"].metadata.resource_version))
                opened.set()
                if event["type"] == "DELETED":
                    return

    following = asyncio.create_task(follow())
    await core.patch_node("edge-2", {"metadata": {"labels": {"n": "1"}}})
    await asyncio.wait_for(opened.wait(), 20)
    await core.patch_node("edge-3", {"metadata": {"labels": {"n": "1"}}})
    await core.delete_node("edge-8")
    await asyncio.wait_for(following, 20)
    check("a watch hears of writes beside it", [s[:2] for s in seen], [("MODIFIED", "edge-2"), ("MODIFIED", "edge-3"), ("DELETED", "edge-8")])
    again = []
    async with watch.Watch() as stream:
        async for event in stream.stream(core.list_node, resource_version=seen[0][2], timeout_seconds=1):
            again.append((event["type"], event["object"].metadata.name, event["object"].metadata.resource_version))
    check("and is resumed from any event", again, seen[1:])
    many = [watch.Watch() for _ in range(20)]

    async def first(one):
        async with one:
            async for event in one.stream(core.list_node, timeout_seconds=5):
                return event["object"].metadata.name

    check("many watches share a connection pool", await asyncio.gather(*map(first, many)), ["edge-1"] * 20)


async def crowds(check, core):
    """As many nodes as make a list that is worth compressing, made and read by many at once."""
    gate = asyncio.Semaphore(50)

    async def make(number):
        async with gate:
            await core.create_node({"metadata": {"name": f"crowd-{number:03}", "labels": {"crowd": "yes"}}})

    await asyncio.gather(*map(make, range(400)))
    whole, _, headers = await core.list_node_with_http_info(label_selector="crowd")
    check("a large list is compressed", headers.get("Content-Encoding"), "gzip")
    check("and whole", [n.metadata.name for n in whole.items], [f"crowd-{n:03}" for n in range(400)])
    small = await core.list_node_with_http_info(label_selector="crowd", limit=10)
    check("a small one is not", small[2].get("Content-Encoding"), None)
    lists = await asyncio.gather(*(core.list_node(label_selector="crowd") for _ in range(10)))
    check("everybody reads the same", {len(one.items) for one in lists}, {400})
    await core.delete_collection_node(label_selector="crowd")
    check("and a collection is deleted by selector", (await core.list_node(label_selector="crowd")).items, [])


async def discovered(check, api):
    there = await dynamic.DynamicClient(api)
    nodes = await there.resources.get(api_version="v1", kind="Node")
    check("discovery finds nodes", (nodes.name, nodes.namespaced, "patch" in nodes.verbs, "status" in nodes.subresources), ("nodes", False, True, True))
    mine = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "dyn", "labels": {"a": "1"}}}
    check("apply creates", (await nodes.server_side_apply(body=mine, field_manager="one")).metadata.labels.a, "1")
    theirs = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "dyn", "labels": {"a": "2"}}}
    # This client's dynamic half hands a refusal back as what it is, a Status.
    refused = await nodes.server_side_apply(body=theirs, field_manager="two")
    check("a conflict names who and what", (refused.code, refused.message), (409, 'Apply failed with 1 conflict: conflict with "one": .metadata.labels.a'))
    check("force takes it", (await nodes.server_side_apply(body=theirs, field_manager="two", force_conflicts=True)).metadata.labels.a, "2")
    check("merge patch", (await nodes.patch(name="dyn", body={"metadata": {"labels": {"c": "3"}}}, content_type="application/merge-patch+json")).metadata.labels.c, "3")
    check("strategic patch", (await nodes.patch(name="dyn", body={"metadata": {"labels": {"c": "4"}}})).metadata.labels.c, "4")
    check("list", [n.metadata.name for n in (await nodes.get(label_selector="c")).items], ["dyn"])
    start = (await nodes.get(name="dyn")).metadata.resourceVersion
    check("delete", (await nodes.delete(name="dyn")).status, "Success")
    async for event in nodes.watch(name="dyn", resource_version=start, timeout=5):
        check("watch by name", (event["type"], event["object"].metadata.name), ("DELETED", "dyn"))
        break
    check("get of none", (await nodes.get(name="dyn")).reason, "NotFound")


async def work(check, door):
    configuration = client.Configuration(host=door.server)
    if door.certificates:
        configuration.ssl_ca_cert = f"{door.certificates}/apiserver.crt"
        configuration.cert_file, configuration.key_file = f"{door.certificates}/admin.crt", f"{door.certificates}/admin.key"
    async with client.ApiClient(configuration) as api:
        core = client.CoreV1Api(api)
        check("the version is 1.36", (await client.VersionApi(api).get_code()).git_version.startswith("v1.36."))
        await crud(check, core)
        await patches(check, core)
        await lists(check, core)
        await watches(check, core)
        await crowds(check, core)
        await discovered(check, api)
        await core.delete_collection_node()
        check("a collection is deleted", (await core.list_node()).items, [])


conclude(work, CHECKS)
