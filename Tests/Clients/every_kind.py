"""Every kind that the server stores, through every client library: made, seen by a watch, deleted.

The objects are those that the recorded conversations of each kind begin with, so a new kind is looked at without a line here; one without a conversation fails.
"""

import asyncio
import json
import pathlib
import re
import time
import urllib.error
import urllib.request

import kr8s
import kr8s.asyncio
import kubernetes
import kubernetes_asyncio
import lightkube
from kr8s.asyncio.objects import new_class
from lightkube import KubeConfig
from lightkube.codecs import from_dict
from lightkube.config.models import Cluster, User
from lightkube.types import CascadeType

from checks import conclude, node

RECORDED = pathlib.Path(__file__).parent.parent / "Conformance/cases/builtin"
# What can't be made through these: it has no objects, or a client library has no types of it.
READ_ONLY = {"componentstatuses"}
# A replication controller is deleted with a finalizer otherwise, which waits for a garbage collector.
WHOLE = "Background"


def kinds(server):
    """(group and version, plural, kind, is namespaced) of all that is stored, as discovery tells it."""
    def get(path):
        with urllib.request.urlopen(server + path, timeout=20) as answer:
            return json.load(answer)

    versions = ["v1"] + [version["groupVersion"] for group in get("/apis")["groups"] for version in group["versions"]]
    for version in versions:
        for resource in get(("/api/" if "/" not in version else "/apis/") + version)["resources"]:
            if "/" not in resource["name"] and "list" in resource["verbs"] and resource["name"] not in READ_ONLY:
                yield version, resource["name"], resource["kind"], resource["namespaced"]


def manifests():
    """A body by group and version and plural: the first of each that was recorded as created."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "every-kind"}, "spec": {"ports": [{"port": 80}]}}
    schema = {"openAPIV3Schema": {"type": "object"}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "kinds.every.example.org"},
        "spec": {
            "group": "every.example.org", "scope": "Namespaced", "names": {"plural": "kinds", "kind": "Kind"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    found = {
        ("v1", "nodes"): node("every-kind"), ("v1", "services"): service,
        ("apiextensions.k8s.io/v1", "customresourcedefinitions"): definition,
    }
    for file in sorted(RECORDED.glob("*.json")):
        for case in json.loads(file.read_text()):
            for step in case["steps"]:
                path, body = step.get("path", "").split("?")[0], step.get("body")
                if step.get("do") != "POST" or not isinstance(body, dict) or "kind" not in body or step.get("expect", {}).get("status") != 201:
                    continue
                parts = path.strip("/").split("/")
                version = parts[1] if parts[0] == "api" else "/".join(parts[1:3])
                rest = parts[2:] if parts[0] == "api" else parts[3:]
                if len(rest) in (1, 3) and body["metadata"].get("name") and not (len(rest) == 1 and rest[0] == "namespaces" and "deletionTimestamp" in body["metadata"]):
                    found.setdefault((version, rest[-1]), {"apiVersion": version, **body, "apiVersion": version})
    return found


def gone(address):
    """Returns when nothing is there any more."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=20):
                time.sleep(0.02)
        except urllib.error.HTTPError as answer:
            if answer.code == 404:
                return
            raise
    raise TimeoutError(f"{address} does not go")


def snake(kind):
    return re.sub("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()


def calls(client, version, kind, namespaced):
    """The typed calls of a kind: create, list, delete."""
    group, _, number = version.rpartition("/")
    words = (group.removesuffix(".k8s.io") or "core").split(".")
    api = getattr(client, "".join(word.capitalize() for word in words) + number.capitalize() + "Api")()
    name = ("namespaced_" if namespaced else "") + snake(kind)
    return [getattr(api, f"{verb}_{name}") for verb in ("create", "list", "delete")]


def with_kubernetes(check, version, kind, body, place):
    create, list_, delete = calls(kubernetes.client, version, kind, bool(place))
    name = body["metadata"]["name"]
    start = list_(*place).metadata.resource_version
    made = create(*place, body)
    check(f"kubernetes: {kind} is made", (made.kind, made.metadata.name), (kind, name))
    delete(name, *place, propagation_policy=WHOLE)
    # It does not always find the type by itself.
    stream = kubernetes.watch.Watch(return_type=type(made))
    seen = [event["type"] for event in stream.stream(list_, *place, resource_version=start, timeout_seconds=20, field_selector=f"metadata.name={name}") if event["type"] != "DELETED" or stream.stop()]
    check(f"kubernetes: {kind} is watched", seen[0] if seen else "nothing", "ADDED")


async def with_kubernetes_asyncio(check, version, kind, body, place):
    create, list_, delete = calls(kubernetes_asyncio.client, version, kind, bool(place))
    name = body["metadata"]["name"]
    start = (await list_(*place)).metadata.resource_version
    made = await create(*place, body)
    check(f"kubernetes_asyncio: {kind} is made", (made.kind, made.metadata.name), (kind, name))
    await delete(name, *place, propagation_policy=WHOLE)
    async with kubernetes_asyncio.watch.Watch(return_type=type(made).__name__) as stream:
        async for event in stream.stream(list_, *place, resource_version=start, timeout_seconds=20, field_selector=f"metadata.name={name}"):
            check(f"kubernetes_asyncio: {kind} is watched", event["type"], "ADDED")
            break


def with_lightkube(check, client, kind, body, place):
    namespace = {"namespace": place[0]} if place else {}
    wanted = from_dict({**body, "metadata": {**body["metadata"], **namespace}})
    made = client.create(wanted)
    check(f"lightkube: {kind} is made", made.metadata.name, body["metadata"]["name"])
    for event, seen in client.watch(type(wanted), fields={"metadata.name": made.metadata.name}, server_timeout=20, **namespace):
        check(f"lightkube: {kind} is watched", (event, seen.metadata.name), ("ADDED", made.metadata.name))
        break
    client.delete(type(wanted), made.metadata.name, cascade=CascadeType.BACKGROUND, **namespace)


async def with_kr8s(check, api, version, plural, kind, body, place):
    cls = new_class(kind, version, asyncio=True, namespaced=bool(place), plural=plural)
    made = await cls({**body, "metadata": {**body["metadata"], **({"namespace": place[0]} if place else {})}}, api=api)
    await made.create()
    check(f"kr8s: {kind} is made", made.name, body["metadata"]["name"])
    async for event, seen in api.async_watch(cls, namespace=place[0] if place else None, field_selector=f"metadata.name={made.name}"):
        check(f"kr8s: {kind} is watched", (event, seen.name), ("ADDED", made.name))
        break
    await made.delete(propagation_policy=WHOLE)


async def work(check, door):
    for library in (kubernetes, kubernetes_asyncio):
        configuration = library.client.Configuration(host=door.server)
        library.client.Configuration.set_default(configuration)
    light = lightkube.Client(config=KubeConfig.from_one(cluster=Cluster(server=door.server), user=User()), trust_env=False)
    kr = await kr8s.asyncio.api(url=door.server)
    bodies = manifests()
    kubernetes.client.CoreV1Api().create_namespace({"metadata": {"name": "every-kind"}})
    count = 0
    for version, plural, kind, namespaced in kinds(door.server):
        check(f"{plural} of {version} has a recorded conversation", (version, plural) in bodies)
        body, place = bodies[version, plural], ["every-kind"] if namespaced else []
        body["metadata"].pop("namespace", None)
        # Of a namespace: what waits for somebody who is not here.
        body.get("spec", {}).pop("finalizers", None)
        for reference in ("involvedObject", "regarding"):
            if reference in body:
                body[reference]["namespace"] = "every-kind"

        where = ("/api/" if "/" not in version else "/apis/") + "/".join([version] + ["namespaces/every-kind"] * namespaced + [plural, body["metadata"]["name"]])

        # What controllers finish goes a moment later.
        await asyncio.to_thread(with_kubernetes, check, version, kind, body, place)
        await asyncio.to_thread(gone, door.server + where)
        await with_kubernetes_asyncio(check, version, kind, body, place)
        await asyncio.to_thread(gone, door.server + where)
        await asyncio.to_thread(with_lightkube, check, light, kind, body, place)
        await asyncio.to_thread(gone, door.server + where)
        await with_kr8s(check, kr, version, plural, kind, body, place)
        await asyncio.to_thread(gone, door.server + where)
        count += 1
    print(f"{count} kinds")


if __name__ == "__main__":
    conclude(work)
