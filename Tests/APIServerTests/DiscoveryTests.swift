import ByteBuffers
import JSON
import Machinery
import Registry
import Testing

@testable import APIServer

extension ResourceInfo {
  static let testNodes = NodeStrategy().info
  static let testLeases = ResourceInfo(
    groupVersion: GroupVersion(group: "coordination.k8s.io", version: "v1"), plural: "leases", singular: "lease", kind: "Lease", isNamespaced: true,
    verbs: ["get", "list"], storagePath: "leases", typeName: "io.k8s.api.coordination.v1.Lease")
}

@Suite struct `Discovery documents` {
  @Test func `the core list reads as kube-apiserver's`() {
    let list = Discovery([.testNodes]).resourceLists["/api/v1"]
    #expect(
      list?.encoded().text
        == #"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"nodes","singularName":"node","namespaced":false,"kind":"Node","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["no"],"storageVersionHash":"XwShjMxG9Fs="},{"name":"nodes/status","singularName":"","namespaced":false,"kind":"Node","verbs":["get","patch","update"]}]}"#)
  }

  @Test func `groups are listed with their versions`() {
    let discovery = Discovery([.testNodes, .testLeases])
    #expect(
      discovery.groupList.encoded().text
        == #"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"coordination.k8s.io","versions":[{"groupVersion":"coordination.k8s.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"coordination.k8s.io/v1","version":"v1"}}]}"#)
    #expect(discovery.groups["coordination.k8s.io"]?["kind"]?.string == "APIGroup")
  }
}

@Suite struct `Aggregated discovery` {
  @Test func `all resources of all groups stand in one document`() {
    let discovery = Discovery([.testNodes, .testLeases])
    #expect(
      discovery.aggregatedCore.document.encoded().text
        == #"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{},"versions":[{"version":"v1","resources":[{"resource":"nodes","responseKind":{"group":"","version":"v1","kind":"Node"},"scope":"Cluster","singularResource":"node","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["no"],"subresources":[{"subresource":"status","responseKind":{"group":"","version":"v1","kind":"Node"},"verbs":["get","patch","update"]}]}],"freshness":"Current"}]}]}"#)
    #expect(
      discovery.aggregatedGroups.document.encoded().text
        == #"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"name":"coordination.k8s.io"},"versions":[{"version":"v1","resources":[{"resource":"leases","responseKind":{"group":"coordination.k8s.io","version":"v1","kind":"Lease"},"scope":"Namespaced","singularResource":"lease","verbs":["get","list"]}],"freshness":"Current"}]}]}"#)
    #expect(discovery.aggregatedCore.etag.utf8.count == 130 && discovery.aggregatedCore.etag != discovery.aggregatedGroups.etag)
  }

  @Test func `versions are ordered as Kubernetes orders them`() {
    let order = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10", "v01"]
    #expect(order.shuffled().sorted(by: KubernetesVersion.precedes) == order)
  }
}

@Suite struct `Routes` {
  private let table = RouteTable([.testNodes, .testLeases])

  @Test(arguments: [
    ("/", RequestPath.root), ("/api", .coreVersions), ("/api/", .coreVersions), ("/apis", .groups), ("/api/v1", .resources("/api/v1")),
    ("/apis/coordination.k8s.io", .group("coordination.k8s.io")), ("/apis/coordination.k8s.io/v1", .resources("/apis/coordination.k8s.io/v1")),
    ("/apis/nothing.example", .notFound), ("/api/v9", .unknownResource), ("/api/v1/frobs", .unknownResource), ("/nothing", .notFound),
    ("/api/v1/nodes", .collection(resource: 0, namespace: "")), ("/api/v1/nodes/", .collection(resource: 0, namespace: "")),
    ("/api/v1/nodes/a", .item(resource: 0, namespace: "", name: "a")), ("/api/v1/nodes/a/status", .status(resource: 0, namespace: "", name: "a")),
    ("/api/v1/nodes/a/nonsense", .unknownResource), ("/api/v1/namespaces/default/nodes", .unknownResource),
    ("/api/v1/watch/nodes", .watchCollection(resource: 0, namespace: "")), ("/api/v1/watch/nodes/a", .watchItem(resource: 0, namespace: "", name: "a")),
    ("/api/v1/watch", .incompleteWatch), ("/apis/coordination.k8s.io/v1/leases", .collection(resource: 1, namespace: "")),
    ("/apis/coordination.k8s.io/v1/namespaces/x/leases/l", .item(resource: 1, namespace: "x", name: "l")),
    ("/livez/ping", .health("livez", check: "ping")), ("/readyz", .health("readyz", check: nil)), ("/version", .version),
    ("/openapi/v2", .swagger), ("/openapi/v2/", .notFound),
    ("/openapi/v3", .openAPIIndex), ("/openapi/v3/", .openAPI("")), ("/openapi/v3/api/v1", .openAPI("api/v1")), ("/openapi", .notFound),
  ] as [(String, RequestPath)])
  func `a path has one meaning`(path: String, meaning: RequestPath) {
    #expect(table.match(path) == meaning)
    var path = path
    if let fast = path.withUTF8({ table.fastMatch(UnsafeRawBufferPointer($0)) }) { #expect(fast == meaning) }
  }

  @Test(arguments: ["/api/v1/nodes/a%2Fb", "/api/v1/nodes/a/status", "/api/v1/nodesx", "/api/v1/node", "/api/v1/nodes/"])
  func `the fast match leaves what is not plain to the other`(path: String) {
    var path = path
    #expect(path.withUTF8 { table.fastMatch(UnsafeRawBufferPointer($0)) } == nil)
  }
}

@Suite struct `Health endpoints` {
  struct Broken: Error {}
  private let endpoint = HealthEndpoint(
    name: "readyz", checks: [.ping, HealthCheck(name: "etcd") { throw Broken() }])

  @Test func `failure withholds its reason and excluding heals`() async {
    #expect(await endpoint.all(.empty) == HealthAnswer(code: 500, text: "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"))
    #expect(await endpoint.all(Query("exclude=etcd")) == HealthAnswer(code: 200, text: "ok"))
    #expect(await endpoint.all(Query("exclude=etcd&verbose")) == HealthAnswer(code: 200, text: "[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed\n"))
  }

  @Test func `a single check stands alone`() async {
    #expect(await endpoint.single("ping") == HealthAnswer(code: 200, text: "ok"))
    #expect(await endpoint.single("etcd")?.code == 500)
    #expect(await endpoint.single("nope") == nil)
  }
}
