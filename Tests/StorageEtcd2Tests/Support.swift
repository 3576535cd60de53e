import ByteBuffers
import Storage
@testable import StorageEtcd2
import TestSupport

/// A storage over given servers, with short times so that faults show soon.
func withEtcd2(
  _ servers: [String], timing: Etcd2Timing = .init(), within limit: Duration = .seconds(90),
  _ change: (inout StorageBackend.Config) -> Void = { _ in },
  _ body: @escaping @Sendable (Etcd2Storage) async throws -> Void
) async throws {
  var config = StorageBackend.Config()
  config.type = StorageBackend.typeETCD2
  config.serverList = servers
  change(&config)
  let storage = try await Etcd2Storage.open(config, timing: timing)
  do {
    try await within(limit, "the test") { try await body(storage) }
  } catch {
    await storage.destroy()
    throw error
  }
  await storage.destroy()
}

extension Etcd2Timing {
  /// For tests in which something does not answer.
  static let short = Etcd2Timing(
    attempt: .milliseconds(700), treeAttempt: .seconds(3), call: .seconds(3), treeCall: .seconds(6), poll: .seconds(5),
    knockAfter: .milliseconds(500),
    giveUpAfter: .seconds(1))
}

extension Etcd2Storage {
  func create(_ key: String, _ text: String) async throws -> StoredObject {
    try await create(key: key, value: SharedBytes(text), ttl: nil)
  }
  func put(_ key: String, _ text: String) async throws -> StoredObject {
    try await guaranteedUpdate(key: key, ignoreNotFound: true, origin: nil) { _ in .write(SharedBytes(text), ttl: nil) }
      .object
  }
  func list(_ prefix: String) async throws -> StorageList { try await getList(prefix: prefix, options: .init()) }
}

/// What somebody else does to the same etcd.
struct Stranger {
  let port: Int
  @discardableResult
  func put(_ path: String, _ form: String) async throws -> String {
    // The probe sends no content type, so the form goes into the URL.
    let answer = await HTTPProbe.answer("PUT", port: port, path: "/v2/keys\(path)?\(form)")
    guard let answer, answer.status < 300 else { throw DeadlinePassed("etcd answered \(String(describing: answer))") }
    return answer.body
  }
  func delete(_ path: String, _ query: String = "") async throws {
    let answer = await HTTPProbe.answer("DELETE", port: port, path: "/v2/keys\(path)\(query)")
    guard let answer, answer.status < 300 else { throw DeadlinePassed("etcd answered \(String(describing: answer))") }
  }
  func get(_ path: String) async -> String { await HTTPProbe.answer(port: port, path: "/v2/keys\(path)")?.body ?? "" }
}
