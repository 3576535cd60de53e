import Foundation
import Synchronization

/// Hosts on a network of their own, inside this machine: each in a network namespace, all on one bridge, and this
/// process beside them on a link of its own. Any link can be cut, as a cable is. Needs root and Debian's iproute2.
public final class NetworkLab: Sendable {
  public struct Unavailable: Error, CustomStringConvertible {
    public let description: String
  }

  public let hosts: Int
  private let number: Int
  private var bridge: String { "bnb\(number)" }
  private var ownLink: String { "bnp\(number)" }
  private func namespace(_ host: Int) -> String { "bn\(number)m\(host)" }
  private func link(_ host: Int) -> String { "bnv\(number)m\(host)" }

  public func address(_ host: Int) -> String { "10.77.\(number).\(host + 1)" }
  /// What runs a command on a host.
  public func prefix(_ host: Int) -> [String] { ["ip", "netns", "exec", namespace(host)] }

  public init(hosts: Int) throws {
    self.hosts = hosts
    number = Int.random(in: 1...200)
    do {
      try Self.ip("link", "add", "bnb\(number)", "type", "bridge")
      try Self.ip("link", "set", "bnb\(number)", "up")
      try Self.ip("link", "add", "bnh\(number)", "type", "veth", "peer", "name", "bnp\(number)")
      try Self.ip("link", "set", "bnp\(number)", "master", "bnb\(number)", "up")
      try Self.ip("address", "add", "10.77.\(number).254/24", "dev", "bnh\(number)")
      try Self.ip("link", "set", "bnh\(number)", "up")
      for host in 0..<hosts {
        try Self.ip("netns", "add", namespace(host))
        try Self.ip("link", "add", link(host), "type", "veth", "peer", "name", "eth0", "netns", namespace(host))
        try Self.ip("link", "set", link(host), "master", bridge, "up")
        try Self.ip("-n", namespace(host), "link", "set", "lo", "up")
        try Self.ip("-n", namespace(host), "address", "add", "\(address(host))/24", "dev", "eth0")
        try Self.ip("-n", namespace(host), "link", "set", "eth0", "up")
      }
    } catch {
      remove()
      throw error
    }
  }

  deinit { remove() }

  private func remove() {
    for host in 0..<hosts { try? Self.ip("netns", "delete", namespace(host)) }
    try? Self.ip("link", "delete", "bnh\(number)")
    try? Self.ip("link", "delete", bridge)
  }

  /// Cuts a host off from all others, or this process from all hosts (nil). What is on its way is lost, and nobody is
  /// told.
  public func cut(_ host: Int?) throws { try Self.ip("link", "set", host.map(link) ?? ownLink, "down") }
  public func mend(_ host: Int?) throws { try Self.ip("link", "set", host.map(link) ?? ownLink, "up") }

  private static func ip(_ arguments: String...) throws {
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["ip"] + arguments
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Unavailable(
        description:
          "ip \(arguments.joined(separator: " ")): \(text)(network namespaces need root, and: apt-get install iproute2)"
      )
    }
  }
}

/// An etcd cluster whose members are hosts of a `NetworkLab`.
public final class LabCluster: Sendable {
  public let lab: NetworkLab
  private let version: EtcdServer.Version
  private let folder: TemporaryFolder
  private let processes: Mutex<[ChildProcess?]>
  private let names: Mutex<[String]>

  public var urls: [String] { (0..<lab.hosts).map { "http://\(lab.address($0)):2379" } }

  /// Starts a member on each host and waits until all serve.
  public init(_ version: EtcdServer.Version, members: Int) async throws {
    lab = try NetworkLab(hosts: members)
    self.version = version
    folder = try TemporaryFolder()
    processes = Mutex([ChildProcess?](repeating: nil, count: members))
    names = Mutex((0..<members).map { "m\($0)" })
    for member in 0..<members { try launch(member) }
    for member in 0..<members { try await waitUntilHealthy(member) }
  }

  private func peer(_ member: Int) -> String { "http://\(lab.address(member)):2380" }

  private func launch(_ member: Int, state: String = "new") throws {
    let names = names.withLock { $0 }
    let cluster = names.enumerated().map { "\($0.element)=\(peer($0.offset))" }.joined(separator: ",")
    let own = "http://\(lab.address(member)):2379"
    let child = try ChildProcess(
      lab.prefix(member) + [
        try version.program(), "--name", names[member], "--data-dir", folder.file(names[member]),
        "--listen-client-urls", own, "--advertise-client-urls", own,
        "--listen-peer-urls", peer(member), "--initial-advertise-peer-urls", peer(member), "--initial-cluster", cluster,
        "--initial-cluster-state", state, "--logger", "zap",
      ], environment: ["ETCD_UNSUPPORTED_ARCH": ProcessInfo.processInfo.environment["ETCD_UNSUPPORTED_ARCH"] ?? ""],
      outputFile: folder.file("log-\(names[member])"))
    processes.withLock { $0[member] = child }
  }

  public func waitUntilHealthy(_ member: Int, within limit: Duration = .seconds(40)) async throws {
    let host = lab.address(member)
    try await eventually("member \(member) is healthy", within: limit, every: .milliseconds(50)) {
      await HTTPProbe.answer(host: host, port: 2379, path: "/health")?.body.contains("\"true\"") == true
    }
  }

  public func kill(_ member: Int) async throws {
    let child = processes.withLock { $0[member] }
    child?.signal(SIGKILL)
    _ = try await child?.wait()
  }
  public func restart(_ member: Int) throws { try launch(member) }
  public func pause(_ member: Int) { processes.withLock { $0[member] }?.freeze() }
  public func resume(_ member: Int) { processes.withLock { $0[member] }?.signal(SIGCONT) }

  /// Calls a member's gateway; the others in turn where it does not answer.
  @discardableResult
  public func call(_ path: String, _ body: String, at member: Int = 0) async throws -> [String: Any] {
    for place in 0..<lab.hosts {
      let host = lab.address((member + place) % lab.hosts)
      guard
        let answer = await HTTPProbe.answer("POST", host: host, port: 2379, path: path, body: body, timeoutSeconds: 3),
        answer.status == 200
      else { continue }
      return (try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]) ?? [:]
    }
    throw DeadlinePassed("no member answers \(path)")
  }

  private func identity(_ member: Int) async -> String? {
    guard
      let answer = await HTTPProbe.answer(
        "POST", host: lab.address(member), port: 2379, path: "/v3/maintenance/status", body: "{}"),
      let status = (try? JSONSerialization.jsonObject(with: Data(answer.body.utf8))) as? [String: Any]
    else { return nil }
    return (status["header"] as? [String: Any])?["member_id"] as? String
  }

  /// The member that leads.
  public func leader() async throws -> Int {
    let leader = try await call("/v3/maintenance/status", "{}")["leader"] as? String ?? ""
    for member in 0..<lab.hosts where await identity(member) == leader { return member }
    throw DeadlinePassed("nobody leads")
  }

  /// Takes a member out for good, its data with it, and puts another in its place.
  public func replace(_ member: Int) async throws {
    let other = (member + 1) % lab.hosts
    guard let identity = await identity(member) else { throw DeadlinePassed("member \(member) has no identity") }
    try await kill(member)
    try await call("/v3/cluster/member/remove", "{\"ID\":\"\(identity)\"}", at: other)
    // A cluster that has just lost a member takes no new one until the others are seen to be well.
    var last: (any Error)?
    for _ in 0..<40 {
      do {
        try await call("/v3/cluster/member/add", "{\"peerURLs\":[\"\(peer(member))\"]}", at: other)
        last = nil
        break
      } catch {
        last = error
        try await Task.sleep(for: .milliseconds(500))
      }
    }
    if let last { throw last }
    names.withLock { $0[member] += "b" }
    try launch(member, state: "existing")
  }
}

/// A wire that is slow: passes bytes on to a server after a while, and so many a second.
public final class SlowWire: Sendable {
  public let port: Int
  private let listener: Int32
  private let isStopped = Atomic<Bool>(false)
  private let delay = Atomic<Int>(0)
  private let rate = Atomic<Int>(0)

  /// Fast at first.
  public init(to host: String, port target: Int) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    port = try Ports.free()
    var one: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    guard Self.with("127.0.0.1", port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
      throw DeadlinePassed("no port for a slow wire")
    }
    Thread.detachNewThread { [self] in
      while !isStopped.load(ordering: .relaxed) {
        let client = accept(listener, nil, nil)
        if client < 0 { return }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.with(host, target, { connect(server, $0, $1) }) == 0 else {
          close(client)
          close(server)
          continue
        }
        let pair = Pair(client, server)
        Thread.detachNewThread { self.pump(from: client, to: server, pair) }
        Thread.detachNewThread { self.pump(from: server, to: client, pair) }
      }
    }
  }

  deinit { stop() }

  /// From now on each piece waits so long, and so many bytes pass a second (0 for all).
  public func slow(milliseconds: Int, bytesPerSecond: Int) {
    delay.store(milliseconds, ordering: .relaxed)
    rate.store(bytesPerSecond, ordering: .relaxed)
  }

  public func stop() {
    if !isStopped.exchange(true, ordering: .relaxed) {
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
    }
  }

  /// Both ends are closed when both directions are done.
  private final class Pair: Sendable {
    let (a, b): (Int32, Int32)
    init(_ a: Int32, _ b: Int32) { (self.a, self.b) = (a, b) }
    deinit {
      close(a)
      close(b)
    }
  }

  private func pump(from: Int32, to: Int32, _ pair: Pair) {
    var room = [UInt8](repeating: 0, count: 16 << 10)
    while !isStopped.load(ordering: .relaxed) {
      let count = recv(from, &room, room.count, 0)
      if count <= 0 { break }
      let (wait, rate) = (delay.load(ordering: .relaxed), rate.load(ordering: .relaxed))
      if wait > 0 { usleep(UInt32(wait * 1_000)) }
      if rate > 0 { usleep(UInt32(count * 1_000_000 / rate)) }
      var sent = 0
      while sent < count {
        let n = room[sent..<count].withUnsafeBytes { send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if n <= 0 { break }
        sent += n
      }
      if sent < count { break }
    }
    shutdown(from, Int32(SHUT_RDWR))
    shutdown(to, Int32(SHUT_RDWR))
    withExtendedLifetime(pair) {}
  }

  private static func with(_ host: String, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32
  {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(clamping: port).bigEndian
    guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return -1 }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
