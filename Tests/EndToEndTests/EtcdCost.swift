import Foundation
import TestSupport
import Testing

/// What a daemon asks of an etcd, as etcd itself counts it.
@Suite struct `What etcd is asked` {
  /// etcd's own metrics that count.
  private struct Counts {
    private let numbers: [String: Double]

    init(_ etcd: EtcdServer) async throws {
      let answer = await HTTPProbe.answer(port: etcd.clientPort, path: "/metrics", timeoutSeconds: 10)
      var numbers: [String: Double] = [:]
      for line in try #require(answer).body.split(separator: "\n") where !line.hasPrefix("#") {
        let words = line.split(separator: " ")
        if words.count == 2, let number = Double(words[1]) { numbers[String(words[0])] = number }
      }
      self.numbers = numbers
    }

    /// Calls that have begun.
    func calls(_ method: String, of service: String, type: String = "unary") -> Int {
      let labels = #"grpc_method="\#(method)",grpc_service="etcdserverpb.\#(service)",grpc_type="\#(type)""#
      return Int(numbers["grpc_server_started_total{\(labels)}"] ?? 0)
    }
    /// Watch streams that are open, and the watches on them.
    var streams: Int { Int(numbers["etcd_debugging_mvcc_watch_stream_total"] ?? 0) }
    var watches: Int { Int(numbers["etcd_debugging_mvcc_watcher_total"] ?? 0) }
  }

  @Test func `one watch stream carries all resources, and a start takes one round of lists`() async throws {
    let etcd = try await EtcdServer.start(.v3_4)
    let daemon = try Daemon.over(etcd: etcd)
    defer { daemon.stop() }
    // The first makes what every server has; the second only finds it.
    for start in ["first", "second"] {
      let before = try await Counts(etcd)
      try await daemon.launch()
      try await eventually("all is watched") { try await Counts(etcd).watches > 50 }
      let after = try await Counts(etcd)
      #expect(after.streams == 1, "\(start) start: \(after.streams) watch streams")
      let opened =
        after.calls("Watch", of: "Watch", type: "bidi_stream") - before.calls("Watch", of: "Watch", type: "bidi_stream")
      #expect(opened == 1, "\(start) start: \(opened) watch streams were opened")
      if start == "second" {
        // Each look at its health is a read and a look at alarms.
        let looks = after.calls("Alarm", of: "Maintenance") - before.calls("Alarm", of: "Maintenance")
        let reads = after.calls("Range", of: "KV") - before.calls("Range", of: "KV") - looks
        #expect(
          reads >= after.watches && reads <= after.watches + 30,
          "\(reads) reads for \(after.watches) resources")
      }
      _ = try await daemon.end()
    }
  }
}
