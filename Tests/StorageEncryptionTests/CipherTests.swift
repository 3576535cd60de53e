import ByteBuffers
import FoundationEssentials
import JSON
import Storage
import TestSupport
import Testing

@testable import StorageEncryption

@Suite struct `Ciphers` {
  /// Sealed by Python's cryptography and pynacl (`independent.py`) under keys of bytes 0, 1, 2, ….
  static let vectors: [(provider: String, keyBytes: Int, sealed: String)] = [
    (
      "aesgcm", 16,
      "L9mGG2JHWXv5NR2if5RYA5mA7fHVNczNXDWDnexTPp/zt/ZDmj6cQBA5/0xZKRj9dX8C2VthEED4mtruKTEpNUG/DmrdOA/NczlpMsjraZDlSun/kb+1"
    ),
    (
      "aesgcm", 24,
      "g+iTyPb41JcUDsmHyx6qUVn+e2bFr76T7Us0DPO6a5Nwo/tHodLUJgh7DjMBN8ihKLVSScauGgJThJft9R6Zf2zXoZIg9WBUJl568sfPOSZ0IxAx2Wmf"
    ),
    (
      "aesgcm", 32,
      "HVjBZcHsTHWhdcIj8qvQLODgVWfTDVQ5q0hbid++Venq5ghLtnFV+duCRPNwJt4f4kvxJIIaJfF6uBophob+QNgxB+5Qg0XkNdiP9UmT0n9GF5pAPDnc"
    ),
    (
      "aescbc", 16,
      "nqjVPqZKtwH3RkaDG/Pn1bUdVxq1NqKyentR+iy2z3d9yZyLjw8FiCxN/zVbFxaJ3tqwBJ/YXz4lqWiPDW8SO3CtByZAiYd8VdOHhR2iNe0="
    ),
    (
      "aescbc", 24,
      "HS/Vjdb6p8TPAfvXWxIfEI/Eao6Q1uGAk9l0PdLSQa/yt3PxRdfpSXrnPuKV8qcn9s5mBaeH2C90iBv7cwDxGU9MiHl2DisC3Atq5RjHh0o="
    ),
    (
      "aescbc", 32,
      "naOkYWYf4ZfoQRhWlyOJ03L5fdFAQTlU4s6tEEXnD7CmKFoJJ+RXKDsUdbFgvhZtLfZtNc/ny4pCmMWpyRZ4kAYiwFuZKaSKMHdAdZY4uGQ="
    ),
    (
      "secretbox", 32,
      "/QyiO9V1IA8pD3xven/mjApTBWity2zdx9XwB/KYsD0U82sz9WjcuT717CuEjPpXEIeMuMUIYJbOTAASPqE6oAdNCuWk4Oem+JS6PwG/xAL3LRBxrwH5+Aazef0mFADu4MAA"
    ),
  ]
  static let key = "/registry/minions/n1"
  static let value = "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n1\"}}\n"

  private static func providers(_ name: String, keyBytes: Int) throws -> any Transformer {
    try transformer(["{\(name): {keys: [{name: key1, secret: \"\(Base64.text(secret(keyBytes)))\"}]}}"])
  }

  @Test(arguments: vectors)
  func `what another implementation sealed is read`(_ vector: (provider: String, keyBytes: Int, sealed: String)) throws
  {
    let sealed = Array("k8s:enc:\(vector.provider):v1:key1:".utf8) + Array(Data(base64Encoded: vector.sealed) ?? Data())
    let (value, isStale) = try Self.providers(vector.provider, keyBytes: vector.keyBytes).fromStorage(
      SharedBytes(sealed), context: Self.key)
    #expect(value.text == Self.value && !isStale)
  }

  @Test func `values of every length go to another implementation and back`() async throws {
    var tasks: [Independent.Task] = []
    var values: [[UInt8]] = []
    var ours: [(any Transformer, String)] = []
    for vector in Self.vectors {
      let transformer = try Self.providers(vector.provider, keyBytes: vector.keyBytes)
      for count in Array(0...33) + [4_096, 70_001] {
        let value = (0..<count).map { _ in UInt8.random(in: 0...255) }
        let key = "/registry/minions/n\(count)"
        let sealed = try transformer.toStorage(SharedBytes(value), context: key)
        func task(_ op: String, _ bytes: [UInt8]) -> Independent.Task {
          .init(
            op: op, provider: vector.provider, name: "key1", secret: Base64.text(secret(vector.keyBytes)), context: key,
            value: Base64.text(bytes))
        }
        tasks += [task("open", sealed.array), task("seal", value)]
        values.append(value)
        ours.append((transformer, key))
      }
    }
    let answers = try await Independent.run(tasks)
    try #require(answers.count == tasks.count)
    for (place, value) in values.enumerated() {
      #expect(answers[2 * place] == value)
      let (transformer, key) = ours[place]
      #expect(try transformer.fromStorage(SharedBytes(answers[2 * place + 1]), context: key).value.array == value)
    }
  }

  @Test(arguments: ["aesgcm", "secretbox"])
  func `a flipped byte is detected, wherever it is`(_ name: String) throws {
    let transformer = try Self.providers(name, keyBytes: 32)
    let sealed = try transformer.toStorage(SharedBytes(Self.value), context: Self.key)
    for place in 0..<sealed.count {
      #expect(throws: TransformFailure.self) {
        try transformer.fromStorage(sealed.flipped(at: place), context: Self.key)
      }
    }
    for count in 0..<sealed.count {
      #expect(throws: TransformFailure.self) {
        try transformer.fromStorage(SharedBytes(Array(sealed.array.prefix(count))), context: Self.key)
      }
    }
  }

  @Test func `aescbc notices what its padding shows, and never more than upstream`() throws {
    let transformer = try Self.providers("aescbc", keyBytes: 32)
    let sealed = try transformer.toStorage(SharedBytes(Self.value), context: Self.key)
    func problem(_ bytes: [UInt8]) -> String {
      do throws(TransformFailure) {
        return try transformer.fromStorage(SharedBytes(bytes), context: Self.key).value.text
      } catch { return error.description }
    }
    let prefix = "k8s:enc:aescbc:v1:key1:".utf8.count
    #expect(problem(Array(sealed.array.prefix(prefix + 15))) == "the stored data was shorter than the required size")
    #expect(problem(sealed.array.dropLast()) == "the stored data is not a multiple of the block size")
    #expect(problem(Array(sealed.array.prefix(prefix + 16))) == "invalid PKCS7 data (empty or not padded)")
    // The vector is xored into the first block: a change there is a change of the text.
    #expect(problem(sealed.flipped(at: prefix).array).dropFirst() == Self.value.dropFirst())
    for place in 0..<sealed.count { _ = problem(sealed.flipped(at: place).array) }
  }

  @Test func `only aesgcm binds a value to its key in storage`() throws {
    for name in ["aesgcm", "aescbc", "secretbox"] {
      let transformer = try Self.providers(name, keyBytes: 32)
      let sealed = try transformer.toStorage(SharedBytes(Self.value), context: "/registry/minions/n1")
      let moved = try? transformer.fromStorage(sealed, context: "/registry/minions/n2").value.text
      #expect(moved == (name == "aesgcm" ? nil : Self.value))
    }
  }

  @Test(arguments: ["aesgcm", "aescbc", "secretbox"])
  func `the same value is sealed differently each time, and shows nothing of itself`(_ name: String) throws {
    let transformer = try Self.providers(name, keyBytes: 32)
    let first = try transformer.toStorage(SharedBytes(Self.value), context: Self.key)
    let second = try transformer.toStorage(SharedBytes(Self.value), context: Self.key)
    #expect(!first.hasSameBytes(as: second))
    #expect(first.begins("k8s:enc:\(name):v1:key1:") && !first.text.contains("Node"))
  }
}
