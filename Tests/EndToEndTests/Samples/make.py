#!/usr/bin/env python3
"""Lets a build of the daemon write a few nodes, and keeps what it stored and what it answered.

    make.py --binnacle PROGRAM --into FOLDER

FOLDER/sqlite.db, and FOLDER/{sqlite,etcd-json,etcd-protobuf}.json: what was answered, and for etcd every change of
every key in order, so that an empty etcd to which they are made again has the same revisions.
"""
import argparse, base64, json, os, shutil, socket, subprocess, tempfile, time, urllib.error, urllib.request

NODES = "/api/v1/nodes"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(url, method="GET", body=None, kind="application/json", agent="kubectl/v1.36.0"):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": kind, "User-Agent": agent}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def eventually(check):
    for _ in range(600):
        try:
            return check()
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise SystemExit("nothing answers")


def write(url):
    """The conversation. Returns a revision with changes behind it."""
    def node(name, **more):
        return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, **more.pop("metadata", {})}, **more}

    def post(body, agent="kubelet/v1.36.0"):
        return call(url + NODES, "POST", body, agent=agent)

    post(node("plain"))
    post(node(
        "busy", metadata={"labels": {"zone": "a", "app.kubernetes.io/name": "x"}, "annotations": {"note": "ä \u2028 \"q\""}},
        spec={"podCIDR": "10.0.1.0/24", "podCIDRs": ["10.0.1.0/24"], "providerID": "kind://busy",
              "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
        status={"capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"}, "allocatable": {"cpu": "3500m"},
                "nodeInfo": {"kubeletVersion": "v1.36.0", "operatingSystem": "linux", "architecture": "amd64"}}))
    post(node("going", metadata={"finalizers": ["example.com/hold", "example.com/too"]}))
    post(node("gone"))
    busy = url + NODES + "/busy"
    call(busy + "?fieldManager=labeller&force=true", "PATCH",
         node("busy", metadata={"labels": {"zone": "b", "owner": "labeller"}}), "application/apply-patch+yaml")
    call(busy + "/status", "PATCH",
         {"status": {"conditions": [
             {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "posting ready",
              "lastHeartbeatTime": "2026-11-30T10:00:00Z", "lastTransitionTime": "2026-11-30T09:00:00Z"}],
             "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "busy"}],
             "images": [{"names": ["example.com/a:1"], "sizeBytes": 123456789012}]}},
         "application/strategic-merge-patch+json", agent="kubelet/v1.36.0")
    call(busy, "PATCH", {"spec": {"unschedulable": True}}, "application/merge-patch+json", agent="kubectl-cordon")
    after = json.loads(call(url + NODES))["metadata"]["resourceVersion"]
    call(url + NODES + "/going", "DELETE")
    call(url + NODES + "/gone", "DELETE")
    call(url + NODES + "/plain", "PATCH", [{"op": "add", "path": "/metadata/labels", "value": {"last": "yes"}}],
         "application/json-patch+json", agent="someone")
    return after


def answers(url, after):
    listed = json.loads(call(url + NODES))
    names = [item["metadata"]["name"] for item in listed["items"]]
    stream = call(f"{url}{NODES}?watch=true&resourceVersion={after}&timeoutSeconds=1")
    return {
        "list": listed,
        "objects": {name: json.loads(call(f"{url}{NODES}/{name}")) for name in names},
        "after": after,
        "events": [json.loads(line) for line in stream.splitlines()],
    }


def serve(program, flags, body):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    daemon = subprocess.Popen([program, "serve", "--insecure-port", str(port)] + flags, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: call(url + "/readyz"))
        return body(url)
    finally:
        daemon.terminate()
        daemon.wait()


def history(etcd, newest):
    """Every change since the beginning."""
    everything = base64.b64encode(b"\0").decode()
    watch = {"create_request": {"key": everything, "range_end": everything, "start_revision": 1}}
    request = urllib.request.Request(etcd + "/v3/watch", json.dumps(watch).encode())
    changes = []
    with urllib.request.urlopen(request, timeout=20) as answer:
        while not changes or changes[-1]["revision"] < newest:
            for event in json.loads(answer.readline())["result"].get("events", []):
                pair = event["kv"]
                changes.append({"revision": int(pair["mod_revision"]), "key": pair["key"], "value": pair.get("value")})
    return changes


def keep(path, sample):
    with open(path, "w") as file:
        json.dump(sample, file, indent=1, ensure_ascii=False)
        file.write("\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binnacle", required=True)
    options.add_argument("--into", required=True)
    options = options.parse_args()
    os.makedirs(options.into, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        sample = serve(options.binnacle, ["--data-dir", data], lambda url: answers(url, write(url)))
        keep(f"{options.into}/sqlite.json", sample)
        # An orderly end leaves everything in the one file.
        assert not os.path.exists(f"{data}/binnacle.db-wal")
        shutil.copy(f"{data}/binnacle.db", f"{options.into}/sqlite.db")
        for form in ["json", "protobuf"]:
            client, peer = free_port(), free_port()
            etcd_url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
            etcd = subprocess.Popen(
                ["etcd", "--name", "one", "--data-dir", f"{folder}/etcd-{form}", "--listen-client-urls", etcd_url,
                 "--advertise-client-urls", etcd_url, "--listen-peer-urls", peer_url,
                 "--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"one={peer_url}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                eventually(lambda: call(etcd_url + "/health"))
                flags = ["--etcd-servers", etcd_url, "--storage-media-type"]
                flags += ["application/json" if form == "json" else "application/vnd.kubernetes.protobuf"]
                sample = serve(options.binnacle, flags, lambda url: answers(url, write(url)))
                sample["history"] = history(etcd_url, int(sample["list"]["metadata"]["resourceVersion"]))
                keep(f"{options.into}/etcd-{form}.json", sample)
            finally:
                etcd.terminate()
                etcd.wait()


main()
