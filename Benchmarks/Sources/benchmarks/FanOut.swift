import Glibc
import LoadClient

/// One event to many watchers, as Binnacle delivers it and as a bare loop of `send` delivers the same bytes.
enum FanOut {
  struct Result {
    /// Of the server's CPU, a delivery.
    let microseconds: Double
    /// Resident bytes of the server, a watch.
    let residentPerWatch: Double
    /// Of one delivery.
    let bytes: Int
  }

  /// `watchers` idle watches, `changes` updates of one node. `securePort`: the watches are over TLS.
  static func binnacle(
    _ child: Child, port: Int, securePort: Int? = nil, token: String = "", watchers: Int, changes: Int
  ) throws -> Result {
    let writer = try Client(port: port)
    try writer.call("POST", "/api/v1/nodes", body: Nodes.json("fan"))
    let resident = child.residentBytes
    let request = Array(
      "GET /api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dfan HTTP/1.1\r\nHost: 127.0.0.1\r\n\(token.isEmpty ? "" : token + "\r\n")\r\n"
        .utf8)
    let receivers: Receivers
    if let securePort {
      receivers = Receivers(
        try (0..<watchers).map { _ in .secure(try SecureConnection(port: securePort, saying: request)) },
        counting: .records)
    } else {
      receivers = Receivers(
        try (0..<watchers).map { _ in
          let client = try Client(port: port)
          try client.send(request)
          guard try client.receiveHead().status == 200 else { throw Failure("a watch was refused") }
          return .plain(client)
        }, counting: .lines)
    }
    receivers.discard()
    let residentPerWatch = Double(child.residentBytes - resident) / Double(watchers)
    let before = child.cpuSeconds
    for change in 1...changes {
      try writer.call("PUT", "/api/v1/nodes/fan", body: Nodes.json("fan", counter: change))
      try receivers.await(watchers)
    }
    return Result(
      microseconds: (child.cpuSeconds - before) * 1e6 / Double(watchers * changes), residentPerWatch: residentPerWatch,
      bytes: receivers.bytes / (watchers * changes))
  }

  /// What the system itself takes: `BareSender` in place of the daemon.
  static func bare(_ child: Child, port: Int, watchers: Int, changes: Int) throws -> Double {
    let writer = try Client(port: port)
    let receivers = Receivers(try (0..<watchers).map { _ in .plain(try Client(port: port)) }, counting: .lines)
    receivers.discard()
    let before = child.cpuSeconds
    for _ in 1...changes {
      try writer.send([1])
      try receivers.await(watchers)
    }
    return (child.cpuSeconds - before) * 1e6 / Double(watchers * changes)
  }

  /// Who holds a connection open.
  private enum Receiver {
    case plain(Client), secure(SecureConnection)
    var descriptor: Int32 {
      switch self {
      case .plain(let client): client.descriptor
      case .secure(let connection): connection.client.descriptor
      }
    }
  }

  /// Connections that read events, and count them.
  private final class Receivers {
    private let receivers: [Receiver]
    private var waiting: [pollfd]
    private var counters: [EventCounter]
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private(set) var bytes = 0

    init(_ receivers: [Receiver], counting counter: EventCounter) {
      self.receivers = receivers
      waiting = receivers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      counters = receivers.map { _ in counter }
    }

    /// Throws away what comes at first.
    func discard() {
      usleep(1_000_000)
      for receiver in receivers { while recv(receiver.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 {} }
    }

    func await(_ wanted: Int) throws {
      var seen = 0
      while seen < wanted {
        guard poll(&waiting, nfds_t(waiting.count), 10_000) > 0 else {
          throw Failure("only \(seen) of \(wanted) events came")
        }
        for index in waiting.indices where waiting[index].revents != 0 {
          let count = recv(receivers[index].descriptor, &buffer, buffer.count, 0)
          guard count > 0 else { throw Failure("a watch was closed") }
          bytes += count
          seen += counters[index].take(buffer[..<count])
        }
      }
    }
  }
}
