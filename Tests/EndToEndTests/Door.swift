import TestSupport

/// How a client library reaches the daemon.
enum Door: CaseIterable, Sendable, CustomStringConvertible {
  /// HTTP/1.1 in cleartext.
  case plain
  /// HTTPS with the certificates of a first start, and HTTP/2 for clients that know it.
  case secure

  var description: String { self == .plain ? "HTTP" : "HTTPS" }

  /// A daemon behind this door and its address. A secure one makes its certificates in `certificates`.
  func open(
    on backend: Backend, certificates: String, arguments: [String] = []
  ) async throws -> (daemon: Daemon, address: String) {
    switch self {
    case .plain:
      let daemon = try await Daemon.start(on: backend, arguments: arguments)
      return (daemon, daemon.url)
    case .secure:
      let port = try Ports.free()
      let daemon = try await Daemon.start(
        on: backend, arguments: ["--secure-port", String(port), "--cert-dir", certificates] + arguments)
      return (daemon, "https://127.0.0.1:\(port)")
    }
  }
}
