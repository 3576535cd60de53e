import ByteBuffers
import JSON
import Schema
import Testing

/// Makes bodies that a type can hold, from the type model alone.
struct BodyMaker {
  var random: Seeded
  var model = TypeModel.builtin
  /// How many structs of a body may have members: a type that contains itself would have no end.
  var most = 500
  private var left = 0

  init(random: Seeded, model: TypeModel = .builtin, most: Int = 500) {
    self.random = random
    self.model = model
    self.most = most
  }

  /// Members in any order; `isWhole`: every member, else some.
  mutating func structure(_ id: TypeModel.TypeID, depth: Int) -> JSONValue {
    if depth == 0 { left = most }
    left -= 1
    guard left > 0, depth < 16 else { return [:] }
    var members: [JSONObject.Member] = []
    for field in model[id].fields where Int.random(in: 0..<10, using: &random) < (depth > 5 ? 2 : 7) {
      members.append(JSONObject.Member(field.name, value(field.shape, depth: depth + 1)))
    }
    members.shuffle(using: &random)
    return .object(JSONObject(unchecked: members))
  }

  mutating func value(_ shape: TypeModel.Shape, depth: Int) -> JSONValue {
    if Int.random(in: 0..<20, using: &random) == 0 { return .null }
    let count = Int.random(in: 0...3, using: &random)
    switch shape {
    case .string:
      return .string(
        ["", "a", "x<y>&\u{2028}", "line\nbreak \"quoted\"", "ünï-📦", "a text of more than fifteen bytes"]
          .randomElement(using: &random) ?? "")
    case .bool: return .bool(Bool.random(using: &random))
    case .int32: return .int(Int64(Int32.random(in: Int32.min...Int32.max, using: &random)))
    case .int64: return .int([0, Int64.min, Int64.max, 42].randomElement(using: &random) ?? 0)
    case .double: return .double(1.5)
    case .quantity:
      return .string(
        ["0", "1.0001", "100m", "1024Ki", "5.", "1e3", "9Ei", "-3.5Gi"].randomElement(using: &random) ?? "0")
    case .time:
      return .string(
        ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+02:00", "0001-01-01T00:00:00Z"].randomElement(using: &random)
          ?? "")
    case .microTime: return "2026-01-02T03:04:05.123456+02:00"
    case .intOrString: return Bool.random(using: &random) ? 80 : "http"
    case .bytes: return "aGVsbG8="
    case .raw: return ["f:a": .double(1.25), "f:b": [".": [], "k:{\"x\":1}": [:]]]
    case .json: return ["a": .double(1.25), "b": [["c": .null, "d": [1, "x", true]]]]
    case .structure(let id): return structure(id, depth: depth)
    case .either(let id, let other):
      if Bool.random(using: &random) { return structure(id, depth: depth + 1) }
      switch other {
      case .array: return .array((0...count).map { _ in structure(id, depth: depth + 1) })
      case .bool: return .bool(Bool.random(using: &random))
      case .strings: return .array((0...count).map { .string("s\($0)") })
      }
    case .list(let element): return .array((0..<count).map { _ in value(element, depth: depth) })
    case .map(let element):
      return .object(
        JSONObject(
          uniquing: (0..<count).map { _ in
            JSONObject.Member("key\(Int.random(in: 0..<9, using: &random))", value(element, depth: depth))
          }))
    }
  }
}

@Suite struct `Decoding, whatever the body` {
  static let model = TypeModel.builtin

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `canonical bytes decode to themselves`(seed: UInt64) throws {
    var maker = BodyMaker(random: Seeded(seed))
    for structure in Self.model.structures {
      let id = try #require(Self.model.type(structure.name))
      for _ in 0..<20 {
        let body = maker.structure(id, depth: 0)
        let once = try Self.model.decode(tree: body, as: id)
        let twice = try Self.model.decode(tree: once.value, as: id)
        #expect(once.strictProblems.isEmpty)
        #expect(once.value.encoded().text == twice.value.encoded().text, "\(structure.name): \(body.encoded().text)")
      }
    }
  }

  @Test(arguments: [5, 6] as [UInt64])
  func `the order of members in a body does not matter`(seed: UInt64) throws {
    var maker = BodyMaker(random: Seeded(seed))
    let id = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    func sorted(_ value: JSONValue) -> JSONValue {
      switch value {
      case .object(let object):
        var object = JSONObject(unchecked: object.members.map { JSONObject.Member($0.name, sorted($0.value)) })
        object.sortByName()
        return .object(object)
      case .array(let elements): return .array(elements.map(sorted))
      default: return value
      }
    }
    for _ in 0..<200 {
      let body = maker.structure(id, depth: 0)
      #expect(
        try Self.model.decode(tree: body, as: id).value.encoded().text
          == Self.model.decode(tree: sorted(body), as: id).value.encoded().text)
    }
  }

  @Test(arguments: [9] as [UInt64])
  func `damaged bodies are read or refused, never more`(seed: UInt64) throws {
    var maker = BodyMaker(random: Seeded(seed))
    let id = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    for _ in 0..<300 {
      var bytes = maker.structure(id, depth: 0).encoded().array
      for _ in 0..<Int.random(in: 1...4, using: &maker.random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &maker.random)] =
          [0x22, 0x7B, 0x5D, 0x30, 0x2C, 0x6E, 0xFF].randomElement(using: &maker.random) ?? 0
      }
      guard let tape = try? JSONTape.parse(SharedBytes(bytes)) else { continue }
      _ = try? Self.model.decode(tape.root, as: id)
    }
  }

  @Test func `every member of every type is known to the model, under its own name`() throws {
    for structure in Self.model.structures {
      #expect(structure.fields.count <= 64)
      #expect(Set(structure.fields.map(\.name)).count == structure.fields.count, "\(structure.name)")
    }
    let taint = try #require(Self.model.type("io.k8s.api.core.v1.Taint"))
    #expect(Self.model.field("effect", of: taint)?.enumeration == ["NoSchedule", "PreferNoSchedule", "NoExecute"])
    let status = try #require(Self.model.type("io.k8s.api.core.v1.NodeStatus"))
    #expect(Self.model.field("conditions", of: status)?.patchMergeKey == "type")
  }
}
