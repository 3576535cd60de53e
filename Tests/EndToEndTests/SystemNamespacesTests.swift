import Foundation
import JSON
import TestSupport
import Testing

@Suite struct `The system's namespaces` {
  private func list(_ daemon: Daemon) async throws -> [JSONValue] {
    let answer = try #require(
      await HTTPProbe.answer("GET", port: daemon.port, path: "/api/v1/namespaces", body: "", timeoutSeconds: 5))
    return try JSONValue(parsing: answer.body)["items"]?.array ?? []
  }

  @Test func `are there before a server is ready, and are made once for all replicas`() async throws {
    let etcd = try await EtcdServer.start(.v3_4)
    let replicas = [try Daemon.over(etcd: etcd), try Daemon.over(etcd: etcd)]
    defer { for daemon in replicas { daemon.stop() } }
    async let first: Void = replicas[0].launch()
    async let second: Void = replicas[1].launch()
    _ = try await (first, second)
    var lists: [[JSONValue]] = []
    for daemon in replicas { lists.append(try await list(daemon)) }
    #expect(
      lists[0].compactMap { $0["metadata"]?["name"]?.string } == [
        "default", "kube-node-lease", "kube-public", "kube-system",
      ])
    #expect(lists[0] == lists[1])
    try await etcd.stop()
  }

  @Test func `stay, unless the plug-in that keeps them is off`() async throws {
    for (arguments, code) in [([], 403), (["--disable-admission-plugins=NamespaceLifecycle"], 200)] as [([String], Int)]
    {
      let daemon = try await Daemon.start(on: .sqlite, arguments: arguments)
      defer { daemon.stop() }
      let answer = await HTTPProbe.answer(
        "DELETE", port: daemon.port, path: "/api/v1/namespaces/kube-public", body: "", timeoutSeconds: 5)
      #expect(answer?.status == code)
    }
  }
}
