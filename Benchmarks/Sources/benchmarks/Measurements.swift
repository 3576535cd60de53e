import Glibc
import LoadClient
import Synchronization

/// Requests per second of wall time and per second of the server's CPU.
struct Rate {
  let perSecond: Double
  let perCPUSecond: Double
}

enum Measurements {
  /// wrk against one path.
  static func load(
    _ child: Child, port: Int, path: String, connections: Int, seconds: Int, warmsUp: Bool = true
  ) throws -> Rate {
    let command = [
      "taskset", "-c", String(Servers.loadCore), "wrk", "-t1", "-c\(connections)", "http://127.0.0.1:\(port)\(path)",
    ]
    if warmsUp { _ = try output(of: command + ["-d1s"]) }
    let before = child.cpuSeconds
    let text = try output(of: command + ["-d\(seconds)s"])
    let cpu = child.cpuSeconds - before
    guard let line = text.split(separator: "\n").first(where: { $0.contains("requests in") }),
      let count = Double(line.split(separator: " ").first ?? ""), !text.contains("Non-2xx")
    else { throw Failure("wrk: \(text)") }
    return Rate(perSecond: count / Double(seconds), perCPUSecond: count / cpu)
  }

  /// Requests a CPU second (medians) of targets that are loaded in turns, a second each: what else the machine does in
  /// the meantime meets all alike.
  static func inTurns(
    rounds: Int, connections: Int, _ targets: [(child: Child, port: Int, path: String)]
  ) throws -> [Double] {
    var found = [[Double]](repeating: [], count: targets.count)
    for _ in 0..<rounds {
      for (place, target) in targets.enumerated() {
        found[place].append(
          try load(
            target.child, port: target.port, path: target.path, connections: connections, seconds: 1, warmsUp: false
          ).perCPUSecond)
      }
    }
    return found.map { $0.sorted()[rounds / 2] }
  }

  /// How a node is written again and again.
  enum Write {
    case put, apply
    /// A kubelet's: a strategic merge patch of the status, with the times of its conditions.
    case heartbeat
  }

  /// 64 writers, each with a node of its own.
  static func writes(_ write: Write, _ child: Child, port: Int, writers: Int, seconds: Double) throws -> Rate {
    let client = try Client(port: port)
    for i in 0..<writers { try client.call("POST", "/api/v1/nodes", body: Nodes.json("\(write)-\(i)")) }
    return try writing(child, writers: writers, seconds: seconds) { writer in
      let client = try Client(port: port)
      let template = Nodes.Template("\(write)-\(writer)")
      let path = "/api/v1/nodes/\(write)-\(writer)"
      var counter = 0
      return {
        counter += 1
        let answer =
          switch write {
          case .put: try client.call("PUT", path, body: template.bytes(counter))
          case .apply:
            try client.call(
              "PATCH", "\(path)?fieldManager=benchmark&force=true", type: "application/apply-patch+yaml",
              body: template.bytes(counter))
          case .heartbeat:
            try client.call(
              "PATCH", "\(path)/status", type: "application/strategic-merge-patch+json",
              body: Nodes.heartbeat(counter))
          }
        guard answer.status == 200 else { throw Failure("\(write) answered \(answer.status)") }
      }
    }
  }

  /// The same writes as bare transactions on etcd's JSON gateway, of the bytes that Binnacle would store, with one open
  /// watch on the prefix.
  static func bareEtcd(_ child: Child, port: Int, writers: Int, seconds: Double, stored: [UInt8]) throws -> Rate {
    let watch = try Client(port: port)
    let create =
      #"{"create_request":{"key":"\#(base64(Array("/registry/minions/".utf8)))","range_end":"\#(base64(Array("/registry/minions0".utf8)))"}}"#
    try watch.send(
      Array(
        "POST /v3/watch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\(String(create.utf8.count, radix: 16))\r\n\(create)\r\n"
          .utf8))
    let descriptor = watch.descriptor
    final class Drain: Sendable {
      let descriptor: Int32
      init(_ descriptor: Int32) { self.descriptor = descriptor }
    }
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { raw in
        let drain = Unmanaged<Drain>.fromOpaque(raw!).takeRetainedValue()
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while recv(drain.descriptor, &buffer, buffer.count, 0) > 0 {}
        return nil
      }, Unmanaged.passRetained(Drain(descriptor)).toOpaque())
    defer {
      shutdown(descriptor, Int32(SHUT_RDWR))
      pthread_join(thread, nil)
    }
    return try writing(child, writers: writers, seconds: seconds) { writer in
      let client = try Client(port: port)
      let key = base64(Array("/registry/minions/bare-\(writer)".utf8))
      let template = Nodes.Template(of: stored)
      var revision = "0"
      var counter = 0
      return {
        counter += 1
        let value = base64(template.bytes(counter))
        let body =
          #"{"compare":[{"key":"\#(key)","target":"MOD","result":"EQUAL","mod_revision":"\#(revision)"}],"success":[{"request_put":{"key":"\#(key)","value":"\#(value)"}}],"failure":[{"request_range":{"key":"\#(key)"}}]}"#
        let answer = String(
          decoding: try client.call("POST", "/v3/kv/txn", body: Array(body.utf8), keepsBody: true).body, as: UTF8.self)
        guard answer.contains(#""succeeded":true"#), let start = answer.range(ofText: #""revision":""#) else {
          throw Failure("txn: \(answer)")
        }
        revision = String(answer[start...].prefix { $0 != "\"" })
      }
    }
  }

  /// Runs an operation for each number below `count`, the writers side by side.
  static func each(
    _ count: Int, writers: Int, _ make: @escaping @Sendable () throws -> ((Int) throws -> Void)
  ) throws {
    let next = Atomic<Int>(0)
    let failure = Mutex<(any Error)?>(nil)
    onThreads(writers) { _ in
      do {
        let operation = try make()
        while true {
          let number = next.add(1, ordering: .relaxed).oldValue
          guard number < count else { return }
          try operation(number)
        }
      } catch { failure.withLock { $0 = error } }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// How often a text stands in a body.
  static func count(_ text: String, in body: [UInt8]) -> Int {
    let needle = Array(text.utf8)
    return body.indices.dropLast(needle.count - 1).count {
      body[$0] == needle[0] && body[$0..<($0 + needle.count)].elementsEqual(needle)
    }
  }

  /// Runs one operation a writer, over and over, and counts what was acknowledged.
  static func writing(
    _ child: Child?, writers: Int, seconds: Double, _ make: @escaping @Sendable (Int) throws -> (() throws -> Void)
  ) throws -> Rate {
    let done = Atomic<Int>(0)
    let failure = Mutex<(any Error)?>(nil)
    let start = monotonicSeconds()
    let before = child?.cpuSeconds ?? 0
    onThreads(writers) { writer in
      do {
        let operation = try make(writer)
        while monotonicSeconds() - start < seconds {
          try operation()
          done.add(1, ordering: .relaxed)
        }
      } catch { failure.withLock { $0 = error } }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    let wall = monotonicSeconds() - start
    let count = Double(done.load(ordering: .relaxed))
    return Rate(perSecond: count / wall, perCPUSecond: count / max((child?.cpuSeconds ?? 0) - before, 0.001))
  }
}

func base64(_ bytes: [UInt8]) -> String {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var out: [UInt8] = []
  out.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let left = min(3, bytes.count - start)
    let word =
      UInt32(bytes[start]) << 16 | (left > 1 ? UInt32(bytes[start + 1]) << 8 : 0)
      | (left > 2 ? UInt32(bytes[start + 2]) : 0)
    for place in 0..<4 {
      out.append(place <= left ? digits[Int(word >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "="))
    }
  }
  return String(decoding: out, as: UTF8.self)
}

extension String {
  /// The place right after the first occurrence of `text`.
  func range(ofText text: String) -> String.Index? {
    let needle = Array(text.utf8)
    let all = Array(utf8)
    guard all.count >= needle.count else { return nil }
    for start in 0...(all.count - needle.count)
    where all[start] == needle[0] && all[start..<(start + needle.count)].elementsEqual(needle) {
      return utf8.index(utf8.startIndex, offsetBy: start + needle.count)
    }
    return nil
  }
}
