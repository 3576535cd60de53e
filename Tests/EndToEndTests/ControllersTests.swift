import Foundation
import JSON
import TestSupport
import Testing

@Suite struct `Controllers` {
  private func call(
    _ daemon: Daemon, _ method: String, _ path: String, _ body: String = ""
  ) async throws -> (status: Int, tree: JSONValue) {
    let answer = try #require(
      await HTTPProbe.answer(method, port: daemon.port, path: path, body: body, timeoutSeconds: 10))
    return (answer.status, (try? JSONValue(parsing: answer.body)) ?? .null)
  }

  private func makeNamespace(_ daemon: Daemon, _ name: String) async throws {
    let made = try await call(daemon, "POST", "/api/v1/namespaces", #"{"metadata":{"name":"\#(name)"}}"#)
    #expect(made.status == 201)
  }

  private func isGone(_ daemon: Daemon, _ name: String, within limit: Duration = .seconds(10)) async throws {
    try await eventually("namespace \(name) to be gone", within: limit) {
      try await call(daemon, "GET", "/api/v1/namespaces/\(name)").status == 404
    }
  }

  @Test func `a namespace goes with all that is in it, and has certificates while it is there`() async throws {
    let folder = try TemporaryFolder()
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--controllers=*", "--secure-port", String(try Ports.free()), "--cert-dir", folder.file("certs"),
      ])
    defer { daemon.stop() }
    try await makeNamespace(daemon, "a")
    let configMaps = "/api/v1/namespaces/a/configmaps"
    for number in 0..<100 {
      #expect(try await call(daemon, "POST", configMaps, #"{"metadata":{"name":"c\#(number)"}}"#).status == 201)
    }
    let authority = try String(contentsOfFile: folder.file("certs/ca.crt"), encoding: .utf8)
    try await eventually("the certificates") {
      try await call(daemon, "GET", "\(configMaps)/kube-root-ca.crt").tree["data"]?["ca.crt"]?.string == authority
    }
    let held = #"{"metadata":{"name":"held","finalizers":["example.com/hold"]}}"#
    #expect(try await call(daemon, "POST", configMaps, held).status == 201)
    #expect(try await call(daemon, "DELETE", "/api/v1/namespaces/a").status == 200)
    try await eventually("the namespace to say what holds it") {
      let namespace = try await call(daemon, "GET", "/api/v1/namespaces/a").tree
      return (namespace["status"]?["conditions"]?.array ?? []).contains {
        $0["message"] == "Some resources are remaining: configmaps. has 1 resource instances"
      }
    }
    var object = try await call(daemon, "GET", "\(configMaps)/held").tree
    object["metadata"]?["finalizers"] = []
    #expect(try await call(daemon, "PUT", "\(configMaps)/held", object.encoded().text).status == 200)
    try await isGone(daemon, "a")
    let metrics = try #require(await HTTPProbe.answer(port: daemon.port, path: "/metrics"))
    #expect(metrics.body.contains(#"workqueue_adds_total{name="namespace"}"#))
  }

  /// The second waits for the time of the first one's lease.
  @Test func `of two servers over one etcd one works, and the other when that is killed`() async throws {
    let etcd = try await EtcdServer.start(.v3_4)
    let daemons = [try Daemon.over(etcd: etcd), try Daemon.over(etcd: etcd)]
    defer { for daemon in daemons { daemon.stop() } }
    for daemon in daemons { try await daemon.launch(arguments: ["--controllers=*"]) }
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/binnacle-controllers"
    try await eventually("somebody to hold the lease") { try await call(daemons[0], "GET", lease).status == 200 }
    func leads(_ daemon: Daemon) -> Bool { daemon.log.contains("successfully acquired lease") }
    try await eventually("one to lead") { daemons.contains(where: leads) }
    #expect(!daemons.allSatisfy(leads))
    let first = try #require(daemons.firstIndex(where: leads))
    let second = daemons[1 - first]
    try await makeNamespace(second, "a")
    #expect(try await call(second, "DELETE", "/api/v1/namespaces/a").status == 200)
    // Five seconds pass before it is touched, as others may not know of it.
    try await isGone(second, "a", within: .seconds(20))
    #expect(!leads(second))
    try await daemons[first].kill()
    try await makeNamespace(second, "b")
    #expect(try await call(second, "DELETE", "/api/v1/namespaces/b").status == 200)
    try await isGone(second, "b", within: .seconds(40))
    #expect(leads(second))
    let spec = try await call(second, "GET", lease).tree["spec"]
    #expect(spec?["leaseTransitions"] == 1 && spec?["leaseDurationSeconds"] == 15)
    try await etcd.stop()
  }
}
