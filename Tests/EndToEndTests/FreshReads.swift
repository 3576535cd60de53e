import ByteBuffers
import Foundation
import JSON
import LoadClient
import TestSupport
import Testing

/// What one replica has written and acknowledged, a list at another shows: from memory, proven fresh in one of two
/// ways. By progress notifications that holds from etcd
/// 3.4.31, 3.5.13 and 3.6 on; it is asserted where BINNACLE_TEST_ETCD names such a one, which is then also what every
/// other test of versions runs on.
@Suite(.serialized) struct `Fresh reads` {
  private static let cases: [(EtcdServer.Version, String)] =
    EtcdServer.Version.allCases.flatMap { version in
      (version == .given ? ["auto", "progress", "fence"] : ["auto", "fence"]).map { (version, $0) }
    }

  @Test(arguments: cases) func `a list at one replica shows what another has acknowledged`(
    version: EtcdServer.Version, proof: String
  ) async throws {
    let etcd = try await EtcdServer.start(version)
    let replicas = [try Daemon.over(etcd: etcd), try Daemon.over(etcd: etcd)]
    for replica in replicas { try await replica.launch(arguments: ["--etcd-consistent-reads", proof]) }
    defer { for replica in replicas { replica.stop() } }
    let ports = replicas.map(\.port)
    await awaitingThreads(4) { thread in
      do {
        let clients = try ports.map { try Client(port: $0) }
        let name = "n\(thread)"
        #expect(try clients[0].call("POST", "/api/v1/nodes", body: Writer.body(name, 1)).status == 201)
        for n in 2...(Tools.isFullRun ? 2_000 : 150) {
          let (here, there) = (clients[n % 2], clients[(n + 1) % 2])
          #expect(try here.call("PUT", "/api/v1/nodes/\(name)", body: Writer.body(name, n)).status == 200)
          let list = try there.call("GET", "/api/v1/nodes", keepsBody: true).body
          let items = try JSONValue(parsing: String(decoding: list, as: UTF8.self))["items"]?.array ?? []
          let seen = items.first { $0["metadata"]?["name"]?.string == name }?["metadata"]?["annotations"]?["n"]?.string
          #expect(seen == "\(n)", "\(name) at \(n): \(seen ?? "nothing")")
          if seen != "\(n)" { return }
        }
      } catch { Issue.record("\(error)") }
    }
  }
}
