import ByteBuffers
import JSON
import Schema
import Testing

/// A tree decodes to what its text decodes to: the same object, the same complaints, the same error.
@Suite struct `Decoding a tree` {
  static let model = TypeModel.builtin

  static func told(_ decode: () throws(DecodeError) -> Decoded) -> String {
    do throws(DecodeError) {
      let decoded = try decode()
      return ([decoded.value.encoded().text] + decoded.strictProblems).joined(separator: "\n")
    } catch { return "refused: \(error)" }
  }

  static func ofText(_ tree: JSONValue, _ id: TypeModel.TypeID) throws -> String {
    let tape = try JSONTape.parse(tree.encoded())
    return told { () throws(DecodeError) in try model.decode(tape.root, as: id, leavesRawUnread: true) }
  }

  static func ofTree(_ tree: JSONValue, _ id: TypeModel.TypeID) -> String {
    told { () throws(DecodeError) in try model.decode(tree: tree, as: id) }
  }

  /// Puts what does not belong there into a tree.
  struct Damage {
    var random: Seeded
    /// The text of a raw member keeps the sign of a zero, which a tree loses.
    static let odd = oddAnywhere + [.double(-0.0)]
    static let oddAnywhere: [JSONValue] = [
      .null, true, 7, -9, 4_294_967_296, .double(3), .double(1.5), .double(1e20), .double(1e300),
      .double(9_223_372_036_854_774_784), .double(1e-9), .number("1.0"), .number("12e1"),
      .number("99999999999999999999"), "", " 1Gi ", "\t1", "1\u{2028}", "<1>", "2026-01-02T03:04:05Z",
      "2026-01-02T03:04:05.5+02:00", "0001-01-01T00:00:00Z", "aGVsbG8", "a=b", [], [1], ["a", .null], [:], ["x": [1]],
      .unread(JSONText(bytes: ByteSlice(SharedBytes(#"{"f:a":{},"f:b":[1,2]}"#)))),
      .unread(JSONText(bytes: ByteSlice(SharedBytes(#"{"f:ä":{"\u003c":1.50}}"#)))),
    ]

    mutating func hit(_ value: JSONValue) -> JSONValue {
      switch Int.random(in: 0..<30, using: &random) {
      case 0: return Self.oddAnywhere.randomElement(using: &random) ?? .null
      default: break
      }
      switch value {
      case .object(let object):
        var members = object.members.map { JSONObject.Member($0.name, hit($0.value)) }
        if Int.random(in: 0..<12, using: &random) == 0 {
          let place = Int.random(in: 0...members.count, using: &random)
          let name = ["zz", "Name", "z\"<\u{2029}", "naïve", ""].randomElement(using: &random) ?? ""
          if !members.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
            members.insert(JSONObject.Member(name, [1]), at: place)
          }
        }
        if Bool.random(using: &random) { members.shuffle(using: &random) }
        return .object(JSONObject(unchecked: members))
      case .array(let elements): return .array(elements.map { hit($0) })
      default: return value
      }
    }
  }

  @Test(arguments: [11, 12, 13] as [UInt64])
  func `is decoding its text, whatever the tree`(seed: UInt64) throws {
    var maker = BodyMaker(random: Seeded(seed))
    var damage = Damage(random: Seeded(seed + 100))
    var refused = 0
    for structure in Self.model.structures {
      let id = try #require(Self.model.type(structure.name))
      for round in 0..<20 {
        let whole = maker.structure(id, depth: 0)
        let tree = round % 4 == 0 ? whole : damage.hit(whole)
        let expected = try Self.ofText(tree, id)
        #expect(Self.ofTree(tree, id) == expected, "\(structure.name): \(tree.encoded().text)")
        if expected.hasPrefix("refused") { refused += 1 }
      }
    }
    #expect(refused > 20)
  }

  @Test(arguments: Damage.odd) func `is decoding its text, for each odd value anywhere`(odd: JSONValue) throws {
    let node = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    for path in [
      ["metadata"], ["metadata", "name"], ["metadata", "creationTimestamp"], ["metadata", "labels"],
      ["metadata", "generation"], ["metadata", "finalizers"], ["spec", "unschedulable"], ["status", "capacity"],
      ["status", "daemonEndpoints", "kubeletEndpoint", "Port"], ["status", "addresses"], ["spec", "taints"],
    ] {
      let tree = path.reversed().reduce(odd) { .object(JSONObject(uniquing: [JSONObject.Member($1, $0)])) }
      #expect(Self.ofTree(tree, node) == (try Self.ofText(tree, node)), "\(path)")
    }
    let inside: JSONValue = ["metadata": ["managedFields": [["fieldsV1": odd, "time": odd, "manager": odd]]]]
    #expect(Self.ofTree(inside, node) == (try Self.ofText(inside, node)))
    for quantities: JSONValue in [["status": ["capacity": ["cpu": odd]]], ["status": ["images": [["sizeBytes": odd]]]]]
    {
      #expect(Self.ofTree(quantities, node) == (try Self.ofText(quantities, node)))
    }
  }

  @Test func `keeps what is unread as it is, without a copy`() throws {
    let node = try #require(Self.model.type("io.k8s.api.core.v1.Node"))
    let text = JSONText(bytes: ByteSlice(SharedBytes(#"{"f:a":{}}"#)))
    let tree: JSONValue = ["metadata": ["managedFields": [["fieldsV1": .unread(text)]]]]
    let decoded = try Self.model.decode(tree: tree, as: node).value
    guard case .unread(let kept)? = decoded["metadata"]?["managedFields"]?.array?.first?["fieldsV1"] else {
      Issue.record("it was read")
      return
    }
    #expect(kept.bytes.owner === text.bytes.owner)
  }

  @Test func `goes as deep as an object may be, and no deeper`() throws {
    let entry = try #require(Self.model.type("io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry"))
    func tree(_ depth: Int) -> JSONValue {
      ["fieldsV1": (0..<depth).reduce(JSONValue.object([:])) { inner, _ in .object(["f:é": inner]) }]
    }
    #expect(throws: Never.self) { try Self.model.decode(tree: tree(JSONValue.maxDepth), as: entry) }
    #expect(throws: DecodeError.self) { try Self.model.decode(tree: tree(JSONValue.maxDepth + 40), as: entry) }
  }
}
