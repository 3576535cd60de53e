import ByteBuffers
import Foundation
import JSON
import Machinery
import Storage
import TestSupport

@testable import StorageEncryption

/// A key of `count` bytes that tests can tell apart.
func secret(_ count: Int, _ first: UInt8 = 0) -> [UInt8] { (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) } }

/// An EncryptionConfiguration file.
struct ConfigFile {
  let folder: TemporaryFolder
  var path: String { folder.file("encryption.yaml") }

  init(_ resources: String) throws {
    folder = try TemporaryFolder()
    try write(resources)
  }
  /// `resources`: the value of the member, as YAML in one line or more.
  func write(_ resources: String) throws {
    try writeWhole("kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: \(resources)\n")
  }
  func writeWhole(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }

  func providers(reloads: Bool = false) throws -> EncryptionProviders {
    try EncryptionProviders(file: path, reloads: reloads)
  }
  /// What a start with it says.
  func problem() -> String {
    do throws(StorageError) {
      _ = try EncryptionProviders(file: path, reloads: false)
      return "none"
    } catch {
      if case .invalidConfiguration(let text) = error { return text }
      return "\(error)"
    }
  }
}

/// `aesgcm: {keys: [{name: a, secret: …}]}` for keys of 32 bytes by name and first byte.
func provider(_ name: String, _ keys: [(name: String, first: UInt8)]) -> String {
  let list = keys.map { "{name: \($0.name), secret: \"\(Base64.text(secret(32, $0.first)))\"}" }
  return "{\(name): {keys: [\(list.joined(separator: ", "))]}}"
}

/// Configuration entries: these resources by these providers.
func entry(_ resources: [String], _ providers: [String]) -> String {
  "{resources: [\(resources.map { "\"\($0)\"" }.joined(separator: ", "))], providers: [\(providers.joined(separator: ", "))]}"
}

/// A list of providers for nodes, as a file says it.
func transformer(_ providers: [String]) throws -> any Transformer {
  try ConfigFile("[\(entry(["nodes"], providers))]").providers().transformer(for: GroupResource(resource: "nodes"))
    ?? IdentityTransformer()
}

extension SharedBytes {
  /// Byte by byte: what follows a colon may be anything, also what Swift would join to it.
  func begins(_ text: String) -> Bool { array.starts(with: text.utf8) }
  /// With one byte another one.
  func flipped(at place: Int) -> SharedBytes {
    var bytes = array
    bytes[place] ^= 0x10
    return SharedBytes(bytes)
  }
}

/// What the other implementation answers.
enum Independent {
  struct Task: Encodable {
    let op: String
    let provider: String
    let name: String
    let secret: String
    let context: String
    let value: String
  }

  static func run(_ tasks: [Task]) async throws -> [[UInt8]] {
    let lines = try tasks.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
    let script = Repository.root.appending(path: "Tests/StorageEncryptionTests/independent.py").path
    let result = try await TestSupport.run(
      ["python3", script], input: lines.joined(separator: "\n"), environment: ["PYTHONPATH": Tools.folder + "/python"])
    guard result.status == 0 else { throw SystemFailureText(text: result.output) }
    // An empty value is an empty line.
    return result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
      Array(Data(base64Encoded: String($0)) ?? Data())
    }
  }
}

struct SystemFailureText: Error, CustomStringConvertible {
  let text: String
  var description: String { "run scripts/test once, it fetches cryptography and pynacl: \(text.suffix(600))" }
}
