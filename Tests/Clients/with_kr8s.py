"""kr8s (PyPI): kubectl's verbs as methods, discovery by any of a resource's names, tables, patches and watches."""

import asyncio

import kr8s
import kr8s.asyncio
from kr8s.asyncio.objects import Node, Table, new_class

from checks import conclude, node, ready

CHECKS = 34


async def refusal(call):
    """The status and reason of a call that must be refused."""
    try:
        await call
    except kr8s.ServerError as refused:
        return refused.status["code"], refused.status["reason"]
    except kr8s.NotFoundError:
        return 404, "NotFound"
    return "accepted"


async def collected(stream):
    return [thing async for thing in stream]


async def discovered(check, api):
    check("the version is 1.36", (await api.version())["gitVersion"].startswith("v1.36."))
    versions = await collected(api.api_versions())
    check("versions", versions[0] == "v1" and {"authentication.k8s.io/v1", "authorization.k8s.io/v1"} <= set(versions))
    resources = {r["name"]: r for r in await api.api_resources()}
    check("resources", (resources["nodes"]["kind"], resources["nodes"]["shortNames"], resources["nodes"]["namespaced"]), ("Node", ["no"], False))
    for name in ("node", "nodes", "no", "Node", "node/v1"):
        check(f"{name} is found", await api.lookup_kind(name), ("node/v1", "nodes", False))


async def crud(check, api):
    made = await Node(node("edge-1", zone="a"), api=api)
    await made.create()
    check("create", (made.name, made.spec.podCIDRs, made.labels), ("edge-1", ["10.1.0.0/24"], {"zone": "a"}))
    check("create twice", await refusal(made.create()), (409, "AlreadyExists"))
    check("exists", await made.exists())
    check("get", (await Node.get("edge-1", api=api)).raw, made.raw)
    check("get of none", await refusal((await Node("none", api=api)).refresh()), (404, "NotFound"))
    await made.label(tier="edge")
    check("label", made.labels, {"zone": "a", "tier": "edge"})
    await made.remove_label("tier")
    check("remove label", made.labels, {"zone": "a"})
    await made.annotate({"example.com/note": "hello"})
    check("annotate", made.annotations["example.com/note"], "hello")
    await made.cordon()
    check("cordon", made.unschedulable)
    await made.uncordon()
    check("uncordon", made.unschedulable, False)
    await made.taint("dedicated", "edge", effect="NoSchedule")
    check("taint", [(t["key"], t["effect"]) for t in made.taints], [("dedicated", "NoSchedule")])
    await made.taint("dedicated", "edge", effect="NoSchedule-")
    check("untaint", list(made.taints), [])
    await made.patch([{"op": "replace", "path": "/metadata/labels/zone", "value": "b"}], type="json")
    check("JSON patch", made.labels.zone, "b")
    await made.patch(ready("True"), subresource="status")
    check("status", made.status.conditions[0].type, "Ready")
    check("a condition that holds is not waited for", await made.wait("condition=Ready", timeout=10), None)
    check("an invalid label", await refusal(made.patch({"metadata": {"labels": {"a b": "c"}}})), (422, "Invalid"))
    return made


async def lists(check, api):
    more = [await Node({"metadata": {"name": f"edge-{n}", "labels": {"zone": "ab"[n % 2]}}}, api=api) for n in range(2, 9)]
    await asyncio.gather(*(one.create() for one in more))
    check("list", [n.name async for n in api.get("nodes")], [f"edge-{n}" for n in range(1, 9)])
    check("by label", [n.name async for n in api.get("no", label_selector={"zone": "a"})], [f"edge-{n}" for n in (2, 4, 6, 8)])
    check("by field", [n.name async for n in api.get("nodes", field_selector="metadata.name=edge-3")], ["edge-3"])
    check("by name", [n.name async for n in api.get("nodes", "edge-4")], ["edge-4"])
    tables = [table async for table in api.get("nodes", as_object=Table)]
    check("as a table", [c["name"] for c in tables[0].column_definitions][:5], ["Name", "Status", "Roles", "Age", "Version"])
    check("with a row each", [row["cells"][0] for row in tables[0].rows], [f"edge-{n}" for n in range(1, 9)])


async def watches(check, api, made):
    await made.refresh()
    start = made.metadata.resourceVersion
    other = await Node.get("edge-2", api=api)
    await other.label(n="1")
    await other.label(n="2")
    await (await Node.get("edge-8", api=api)).delete()
    seen = []
    async for kind, thing in api.watch("nodes", since=other.metadata.resourceVersion):
        seen.append((kind, thing.name))
        break
    check("a watch is resumed from a revision", seen, [("DELETED", "edge-8")])
    gone = asyncio.create_task((await Node.get("edge-7", api=api)).wait("delete", timeout=20))
    await asyncio.sleep(0)
    await (await Node.get("edge-7", api=api)).delete(propagation_policy="Background")
    await gone
    check("deletion is waited for", await (await Node("edge-7", api=api)).exists(), False)


async def untyped(check, api):
    anything = new_class(kind="Node", version="v1", namespaced=False)
    check("a class made on the spot lists", len(await collected(anything.list(api=api))), 6)
    for thing in await collected(api.get("nodes")):
        await thing.delete()
    check("all are deleted", await collected(api.get("nodes")), [])


async def work(check, door):
    api = await kr8s.asyncio.api(**({"kubeconfig": f"{door.certificates}/kubeconfig"} if door.certificates else {"url": door.server}))
    await discovered(check, api)
    made = await crud(check, api)
    await lists(check, api)
    await watches(check, api, made)
    await untyped(check, api)


conclude(work, CHECKS)
