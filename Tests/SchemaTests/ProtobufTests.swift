import ByteBuffers
import FoundationEssentials
import JSON
import TestSupport
import Testing

@testable import Schema

@Suite struct `Protobuf messages` {
  static let model = TypeModel.builtin
  /// Types that are not served (yet), so that the engine is held to more than nodes: `scripts/generate-schema
  /// --facts-of`.
  static let others = TypeModel(
    facts: (try? String(
      contentsOf: Repository.root.appending(path: "Tests/SchemaTests/Facts/other-types.facts"), encoding: .utf8)) ?? "")
  private static let recordedOthers = [
    ("configmap", "io.k8s.api.core.v1.ConfigMap"), ("secret", "io.k8s.api.core.v1.Secret"),
    ("namespace", "io.k8s.api.core.v1.Namespace"), ("pod", "io.k8s.api.core.v1.Pod"),
    ("lease", "io.k8s.api.coordination.v1.Lease"),
    ("lease-list", "io.k8s.api.coordination.v1.LeaseList"),
  ]
  /// What kube-apiserver 1.36 sent for the same object in both forms.
  static let recorded = [
    ("node", "io.k8s.api.core.v1.Node"), ("node-list", "io.k8s.api.core.v1.NodeList"),
    ("status-not-found", "io.k8s.apimachinery.pkg.apis.meta.v1.Status"),
    ("event", "io.k8s.api.core.v1.Event"), ("event-rich", "io.k8s.api.core.v1.Event"),
    ("event-list", "io.k8s.api.core.v1.EventList"), ("events.k8s.io-event", "io.k8s.api.events.v1.Event"),
    ("configmap-rich", "io.k8s.api.core.v1.ConfigMap"), ("configmap-list", "io.k8s.api.core.v1.ConfigMapList"),
    ("secret-rich", "io.k8s.api.core.v1.Secret"), ("secret-list", "io.k8s.api.core.v1.SecretList"),
    ("lease-rich", "io.k8s.api.coordination.v1.Lease"),
  ]

  static func recording(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: Repository.root.appending(path: "Tests/Conformance/protobuf/\(name)")))
  }

  private static func withoutType(_ json: ByteSlice) throws -> JSONValue {
    var value = try JSONValue(parsing: json)
    value["kind"] = nil
    value["apiVersion"] = nil
    return value
  }

  /// In the form of the type, so that what a message says of empty members does not matter.
  private static func canonical(
    _ value: JSONValue, _ type: TypeModel.TypeID, _ model: TypeModel = model
  ) throws -> JSONValue {
    try model.decode(tree: value, as: type).value
  }

  private static func model(of typeName: String) -> TypeModel { model.type(typeName) == nil ? others : model }

  @Test(arguments: recorded + recordedOthers) func `recorded messages are written byte for byte`(
    name: String, typeName: String
  ) throws {
    let model = Self.model(of: typeName)
    let type = try #require(model.type(typeName))
    let envelope = try ProtobufEnvelope(ByteSlice(SharedBytes(try Self.recording(name + ".bin"))))
    // Compact, because what is JSON inside of a message stays as it is.
    let tape = try JSONTape.parse(
      ByteSlice(try JSONValue(parsing: ByteSlice(SharedBytes(try Self.recording(name + ".json")))).encoded()))
    var writer = ProtobufWriter(model)
    writer.structure(tape.root, type)
    #expect(writer.bytes == envelope.raw.array)
    #expect(envelope.kind == tape.root["kind"]?.string && envelope.apiVersion == tape.root["apiVersion"]?.string)
  }

  @Test(arguments: recorded + recordedOthers) func `recorded messages are read as the JSON beside them`(
    name: String, typeName: String
  ) throws {
    let model = Self.model(of: typeName)
    let type = try #require(model.type(typeName))
    let envelope = try ProtobufEnvelope(ByteSlice(SharedBytes(try Self.recording(name + ".bin"))))
    let json = try Self.withoutType(ByteSlice(SharedBytes(try Self.recording(name + ".json"))))
    #expect(
      try Self.canonical(try model.decodeProtobuf(envelope.raw, as: type), type, model)
        == (try Self.canonical(json, type, model)))
  }

  @Test(arguments: 0..<400) func `what is written is read again`(seed: Int) throws {
    let type = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    var maker = BodyMaker(random: Seeded(UInt64(seed)))
    guard let body = try? Self.canonical(maker.structure(type, depth: 0), type) else { return }
    func message(_ value: JSONValue) throws -> [UInt8] {
      var writer = ProtobufWriter(Self.model)
      writer.structure(try JSONTape.parse(ByteSlice(value.encoded())).root, type)
      return writer.bytes
    }
    let bytes = try message(body)
    let again = try Self.canonical(try Self.model.decodeProtobuf(ByteSlice(SharedBytes(bytes)), as: type), type)
    #expect(try message(again) == bytes)
  }

  @Test func `no bytes crash the reader`() throws {
    let type = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    let whole = try Self.recording("node.bin")
    var random = Seeded(7)
    var read = 0
    for _ in 0..<(Tools.isFullRun ? 200_000 : 5_000) {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 4..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(place...)
        default:
          bytes.insert(
            contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F].prefix(
              Int.random(in: 1...10, using: &random)), at: place)
        }
        if bytes.count < 5 { break }
      }
      // It reads or refuses. What it reads can be written as JSON and as a message again.
      guard let envelope = try? ProtobufEnvelope(ByteSlice(SharedBytes(bytes))),
        let object = try? Self.model.decodeProtobuf(envelope.raw, as: type)
      else { continue }
      read += 1
      var writer = ProtobufWriter(Self.model)
      writer.structure(try JSONTape.parse(ByteSlice(object.encoded())).root, type)
    }
    #expect(read > 0)
  }

  @Test(
    arguments: [
      ([0x0A], "unexpected EOF"), ([0x0A, 0x05, 0x00], "unexpected EOF"),
      ([0x08, 0x01], "proto: wrong wireType = 0 for field Metadata"),
      ([0x00], "proto: illegal tag 0 (wire type 0)"), ([0x3F, 0x00], "proto: illegal wireType 7"),
      ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "proto: integer overflow"),
    ] as [([UInt8], String)])
  func `a broken message is refused in Go's words`(bytes: [UInt8], why: String) throws {
    let type = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    #expect(throws: ProtobufError(why)) { try Self.model.decodeProtobuf(ByteSlice(SharedBytes(bytes)), as: type) }
  }

  @Test func `unknown fields are passed over, and a message in two pieces is one`() throws {
    let type = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    // Field 99 as number, 8 bytes, bytes, 4 bytes; then metadata twice: name, then uid.
    let bytes: [UInt8] =
      [0x98, 0x06, 0x01, 0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0x9A, 0x06, 0x02, 1, 2, 0x9D, 0x06, 1, 2, 3, 4]
      + [0x0A, 0x03, 0x0A, 0x01, UInt8(ascii: "n"), 0x0A, 0x03, 0x2A, 0x01, UInt8(ascii: "u")]
    #expect(
      try Self.model.decodeProtobuf(ByteSlice(SharedBytes(bytes)), as: type) == ["metadata": ["name": "n", "uid": "u"]])
  }

  @Test func `a body without the four bytes is no protobuf`() {
    #expect(
      throws: ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    ) {
      try ProtobufEnvelope(ByteSlice(SharedBytes("{}")))
    }
  }
}
