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

  /// `watchers` idle watches, `changes` updates of one node.
  static func binnacle(_ child: Child, port: Int, watchers: Int, changes: Int) throws -> Result {
    let writer = try Client(port: port)
    try writer.call("POST", "/api/v1/nodes", body: Nodes.json("fan"))
    let resident = child.residentBytes
    let receivers = try Receivers(watchers, port: port) { client in
      try client.send(Array("GET /api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dfan HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      guard try client.receiveHead().status == 200 else { throw Failure("a watch was refused") }
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
    let receivers = try Receivers(watchers, port: port) { _ in }
    receivers.discard()
    let before = child.cpuSeconds
    for _ in 1...changes {
      try writer.send([1])
      try receivers.await(watchers)
    }
    return (child.cpuSeconds - before) * 1e6 / Double(watchers * changes)
  }

  /// Connections that read events, and count them by their ends: `}` and a newline.
  private final class Receivers {
    private let clients: [Client]
    private var waiting: [pollfd]
    private var last: [UInt8]
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private(set) var bytes = 0

    init(_ count: Int, port: Int, begin: (Client) throws -> Void) throws {
      clients = try (0..<count).map { _ in
        let client = try Client(port: port)
        try begin(client)
        return client
      }
      waiting = clients.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      last = [UInt8](repeating: 0, count: count)
    }

    /// Throws away what comes at first.
    func discard() {
      usleep(1_000_000)
      for client in clients { while recv(client.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 {} }
    }

    func await(_ wanted: Int) throws {
      var seen = 0
      while seen < wanted {
        guard poll(&waiting, nfds_t(waiting.count), 10_000) > 0 else { throw Failure("only \(seen) of \(wanted) events came") }
        for index in waiting.indices where waiting[index].revents != 0 {
          let count = recv(clients[index].descriptor, &buffer, buffer.count, 0)
          guard count > 0 else { throw Failure("a watch was closed") }
          bytes += count
          var previous = last[index]
          for byte in buffer[..<count] {
            if byte == 10 && previous == 125 { seen += 1 }
            previous = byte
          }
          last[index] = previous
        }
      }
    }
  }
}
