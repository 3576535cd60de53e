import Controllers
import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import APIServer
@testable import Resources

@Suite struct `What a cluster begins with` {
  private static let rbac = "/apis/rbac.authorization.k8s.io/v1"
  private static let flowControl = "/apis/flowcontrol.apiserver.k8s.io/v1"
  private static let resources = [
    GroupResource(group: "rbac.authorization.k8s.io", resource: "clusterroles"),
    GroupResource(group: "rbac.authorization.k8s.io", resource: "clusterrolebindings"),
    GroupResource(group: "rbac.authorization.k8s.io", resource: "roles"),
    GroupResource(group: "rbac.authorization.k8s.io", resource: "rolebindings"),
    GroupResource(group: "flowcontrol.apiserver.k8s.io", resource: "flowschemas"),
    GroupResource(group: "flowcontrol.apiserver.k8s.io", resource: "prioritylevelconfigurations"),
  ]

  private static func with(_ body: @Sendable (TestServer) async throws -> Void) async throws {
    let kinds: [ResourceDefinition] = [
      .namespaces, .clusterRoles, .clusterRoleBindings, .roles, .roleBindings, .flowSchemas,
      .priorityLevelConfigurations,
    ]
    try await TestServer.with(kinds: kinds, body)
  }

  private static func revisions(_ server: TestServer) async throws -> [[JSONValue?]] {
    var revisions: [[JSONValue?]] = []
    for resource in resources {
      revisions.append(try await server.objects(of: resource).map { $0["metadata"]?["resourceVersion"] })
    }
    return revisions
  }

  @Test func `a second start writes nothing`() async throws {
    try await Self.with { server in
      try await server.bootstrapped {}
      let first = try await Self.revisions(server)
      #expect(first.map(\.count) == [69, 50, 7, 7, 11, 8])
      try await server.bootstrapped {}
      #expect(try await Self.revisions(server) == first)
    }
  }

  @Test func `a start gives roles what they lack, and leaves what was added`() async throws {
    try await Self.with { server in
      try await server.bootstrapped {}
      let path = Self.rbac + "/clusterroles/system:kube-dns"
      let other = #"{"verbs":["get"],"apiGroups":["x"],"resources":["y"]}"#
      #expect(
        try server.call(
          "PATCH", path, #"{"rules":[\#(other)],"metadata":{"labels":{"kubernetes.io/bootstrapping":null}}}"#,
          headers: ["Content-Type": "application/merge-patch+json"]
        ).code == 200)
      let mine = Self.rbac + "/clusterroles/system:heapster"
      let annotation = #"{"rbac.authorization.kubernetes.io/autoupdate":"false"}"#
      #expect(
        try server.call(
          "PATCH", mine, #"{"rules":[],"metadata":{"annotations":\#(annotation)}}"#,
          headers: ["Content-Type": "application/merge-patch+json"]
        ).code == 200)
      let binding = Self.rbac + "/clusterrolebindings/system:kube-dns"
      #expect(try server.call("DELETE", binding).code == 200)
      let moved = #"{"metadata":{"name":"system:kube-dns"},"roleRef":{"kind":"ClusterRole","name":"other"}}"#
      #expect(try server.call("POST", Self.rbac + "/clusterrolebindings", moved).code == 201)

      try await server.bootstrapped {}
      let role = try server.call("GET", path).json()
      #expect(
        role["rules"]?.encoded().text
          == #"[\#(other),{"verbs":["list"],"apiGroups":[""],"resources":["endpoints"]},"#
          + #"{"verbs":["watch"],"apiGroups":[""],"resources":["endpoints"]},"#
          + #"{"verbs":["list"],"apiGroups":[""],"resources":["services"]},"#
          + #"{"verbs":["watch"],"apiGroups":[""],"resources":["services"]}]"#)
      #expect(role["metadata"]?["labels"]?["kubernetes.io/bootstrapping"] == "rbac-defaults")
      #expect(try server.call("GET", mine).json()["rules"] == [])
      let made = try server.call("GET", binding).json()
      #expect(made["roleRef"]?["name"] == "system:kube-dns" && made["subjects"]?.array?.count == 1)
    }
  }

  @Test func `flow schemas and levels are kept, and say whether they lead somewhere`() async throws {
    try await Self.with { server in
      try await server.bootstrapped {
        let schema = Self.flowControl + "/flowschemas"
        let level = Self.flowControl + "/prioritylevelconfigurations"
        func dangling(_ name: String) throws -> JSONValue? {
          try server.call("GET", "\(schema)/\(name)").json()["status"]?["conditions"]?.array?.first
        }
        let told = try #require(try dangling("probes"))
        #expect(told["status"] == "False" && told["reason"] == "Found" && told["type"] == "Dangling")

        // What goes comes back.
        for gone in ["\(level)/catch-all", "\(schema)/probes"] {
          let uid = try server.call("GET", gone).json()["metadata"]?["uid"]
          #expect(try server.call("DELETE", gone).code == 200)
          try await eventually("\(gone) is there again") {
            let now = try server.call("GET", gone)
            return try now.code == 200 && now.json()["metadata"]?["uid"] != uid
          }
        }
        // What says that the server keeps it, and is none of its own, goes; what does not stays.
        let spec = #""spec":{"priorityLevelConfiguration":{"name":"mine"}}"#
        let annotations = #""annotations":{"apf.kubernetes.io/autoupdate-spec":"true"}"#
        #expect(try server.call("POST", schema, #"{"metadata":{"name":"own"},\#(spec)}"#).code == 201)
        #expect(try server.call("POST", schema, #"{"metadata":{"name":"old",\#(annotations)},\#(spec)}"#).code == 201)
        try await eventually("the unwanted one is gone") { try server.call("GET", "\(schema)/old").code == 404 }
        try await eventually("it leads nowhere") { try dangling("own")?["status"] == "True" }
        #expect(
          try dangling("own")?["message"]
            == #"This FlowSchema references the PriorityLevelConfiguration object named "mine" but there is no such object"#
        )
        let body =
          #"{"metadata":{"name":"mine"},"spec":{"type":"Limited","limited":{"limitResponse":{"type":"Reject"}}}}"#
        #expect(try server.call("POST", level, body).code == 201)
        try await eventually("it leads there") { try dangling("own")?["status"] == "False" }
        #expect(try server.call("DELETE", "\(level)/mine").code == 200)
        try await eventually("it leads nowhere again") { try dangling("own")?["reason"] == "NotFound" }
      }
    }
  }
}
