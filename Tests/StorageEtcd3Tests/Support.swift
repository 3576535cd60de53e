import ByteBuffers
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

/// A storage over given servers, with short times so that faults show soon.
func withEtcd3(
  _ servers: [String], prefix: String = "/registry", timing: Etcd3Timing = .init(), compaction: Duration = .zero,
  within limit: Duration = .seconds(90), _ body: @escaping @Sendable (Etcd3Storage) async throws -> Void
) async throws {
  var config = StorageBackend.Config()
  config.type = StorageBackend.typeETCD3
  config.serverList = servers
  config.prefix = prefix
  config.compactionInterval = compaction
  let storage = try await Etcd3Storage.open(config, timing: timing)
  do {
    try await within(limit, "the test") { try await body(storage) }
  } catch {
    await storage.destroy()
    throw error
  }
  await storage.destroy()
}

extension Etcd3Timing {
  /// For tests in which something does not answer.
  static let short = Etcd3Timing(
    attempt: .milliseconds(700), rangeAttempt: .seconds(3), call: .seconds(3), rangeCall: .seconds(6),
    knockAfter: .milliseconds(500),
    giveUpAfter: .seconds(1))
}

extension SharedBytes {
  /// `count` bytes that say which they are.
  static func filled(_ count: Int, _ mark: String) -> SharedBytes {
    var bytes = Array(mark.utf8)
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "."), count: max(0, count - bytes.count)))
    return SharedBytes(bytes)
  }
}
