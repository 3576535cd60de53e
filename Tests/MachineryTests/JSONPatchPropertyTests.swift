import ByteBuffers
import JSON
import Machinery
import TestSupport
import Testing

/// A document as a tree of shared nodes, and the operations of a JSON patch in their plainest form.
private final class Node {
  enum Content {
    case scalar(JSONValue)
    case list([Node])
    case map([(name: String, node: Node)])
  }
  var content: Content
  init(_ content: Content) { self.content = content }

  convenience init(_ value: JSONValue) {
    switch value {
    case .array(let items): self.init(.list(items.map(Node.init)))
    case .object(let object): self.init(.map(object.members.map { ($0.name, Node($0.value)) }))
    default: self.init(.scalar(value))
    }
  }

  var value: JSONValue {
    switch content {
    case .scalar(let value): value
    case .list(let items): .array(items.map(\.value))
    case .map(let members): .object(JSONObject(unchecked: members.map { JSONObject.Member($0.name, $0.node.value) }))
    }
  }

  struct Refused: Error {}

  static func place(_ token: String, _ count: Int) throws -> Int {
    guard let number = Int(token), (-count..<count).contains(number) else { throw Refused() }
    return (number + count) % count
  }

  func child(_ token: String) throws -> Node? {
    switch content {
    case .scalar: throw Refused()
    case .list(let items): items[try Self.place(token, items.count)]
    case .map(let members): members.first { $0.name == token }?.node
    }
  }

  func container(_ path: [String]) throws -> (Node, String) {
    guard let last = path.last else { throw Refused() }
    var node = self
    for token in path.dropLast() {
      guard let next = try node.child(token) else { throw Refused() }
      node = next
    }
    if case .scalar = node.content { throw Refused() }
    return (node, last)
  }

  func put(_ token: String, _ new: Node, inserting: Bool) throws {
    switch content {
    case .scalar: throw Refused()
    case .list(var items):
      if inserting {
        items.insert(new, at: token == "-" ? items.count : try Self.place(token, items.count + 1))
      } else {
        items[try Self.place(token, items.count)] = new
      }
      content = .list(items)
    case .map(var members):
      if let place = members.firstIndex(where: { $0.name == token }) {
        members[place].node = new
      } else {
        members.append((token, new))
      }
      content = .map(members)
    }
  }

  func remove(_ token: String) throws -> Node {
    switch content {
    case .scalar: throw Refused()
    case .list(var items):
      let gone = items.remove(at: try Self.place(token, items.count))
      content = .list(items)
      return gone
    case .map(var members):
      guard let place = members.firstIndex(where: { $0.name == token }) else { throw Refused() }
      let gone = members.remove(at: place).node
      content = .map(members)
      return gone
    }
  }

  func perform(_ operation: JSONValue) throws {
    func path(_ name: String) -> [String] {
      (operation[name]?.string ?? "").split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(
        String.init)
    }
    let given = operation["value"] ?? .null
    switch operation["op"]?.string {
    case "add":
      let (node, token) = try container(path("path"))
      try node.put(token, Node(given), inserting: true)
    case "replace" where operation["path"] == "":
      guard given.object != nil || given.array != nil else { throw Refused() }
      content = Node(given).content
    case "replace":
      let (node, token) = try container(path("path"))
      try node.put(token, Node(given), inserting: false)
    case "remove":
      let (node, token) = try container(path("path"))
      _ = try node.remove(token)
    case "move":
      let (from, name) = try container(path("from"))
      let moved = try from.remove(name)
      let (node, token) = try container(path("path"))
      try node.put(token, moved, inserting: true)
    case "copy":
      let (from, name) = try container(path("from"))
      let copied = try from.child(name)?.value ?? .null
      let (node, token) = try container(path("path"))
      try node.put(token, Node(copied), inserting: true)
    case "test":
      let found: JSONValue
      if operation["path"] == "" {
        found = value
      } else {
        let (node, token) = try container(path("path"))
        found = try node.child(token)?.value ?? .null
      }
      guard found.isSameValue(as: given) else { throw Refused() }
    default: throw Refused()
    }
  }
}

@Suite struct `Properties of JSON patch` {
  private static func value(_ dice: inout Dice, _ depth: Int = 0) -> JSONValue {
    switch dice.number(below: depth > 2 ? 4 : 7) {
    case 0: return .null
    case 1: return .int(Int64(dice.number(below: 3)))
    case 2: return .string(dice.pick(["p", "q"]))
    case 3: return .bool(dice.one(in: 2))
    case 4, 5:
      return .object(
        JSONObject(
          uniquing: (0..<dice.number(below: 4)).map { _ in
            JSONObject.Member(dice.pick(["a", "b", "c", ""]), value(&dice, depth + 1))
          }))
    default: return .array((0..<dice.number(below: 4)).map { _ in value(&dice, depth + 1) })
    }
  }

  /// Mostly a path that is there.
  private static func path(_ document: JSONValue, _ dice: inout Dice) -> String {
    var path = ""
    var current = document
    while !dice.one(in: 4) {
      if dice.one(in: 10) { return path + "/" + dice.pick(["a", "b", "-", "0", "-1", "9", "-9", "x"]) }
      if let members = current.object?.members, !members.isEmpty {
        let member = dice.pick(members)
        path += "/" + member.name
        current = member.value
      } else if let items = current.array, !items.isEmpty {
        let place = dice.number(below: items.count)
        path += "/\(dice.one(in: 4) ? place - items.count : place)"
        current = items[place]
      } else {
        break
      }
    }
    return path
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `any sequence of operations does what a plain model does, or fails where it does`(seed: UInt64) throws {
    var dice = Dice(seed)
    var applied = 0
    for round in 0..<Repository.rounds(500) {
      let document = JSONValue.object(["a": Self.value(&dice), "b": Self.value(&dice), "c": Self.value(&dice)])
      let model = Node(document)
      var operations: [JSONValue] = []
      var isRefused = false
      for _ in 0..<(1 + dice.number(below: 6)) where !isRefused {
        let now = model.value
        var operation: JSONValue = [
          "op": .string(dice.pick(["add", "add", "remove", "replace", "move", "copy", "test", "frob"])),
          "path": .string(Self.path(now, &dice)),
        ]
        if !dice.one(in: 8) { operation["value"] = Self.value(&dice) }
        operation["from"] = .string(Self.path(now, &dice))
        if operation["op"] == "test", dice.one(in: 2), let at = operation["path"]?.string {
          operation["value"] =
            (try? Node(now).container(
              at.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init))).flatMap {
              try? $0.0.child($0.1)?.value
            }
        }
        operations.append(operation)
        do { try model.perform(operation) } catch { isRefused = true }
      }
      let text = JSONValue.array(operations).encoded().text
      do throws(JSONPatch.Failure) {
        let result = try JSONPatch(.array(operations)).apply(to: document)
        #expect(!isRefused, "seed \(seed) round \(round): \(text) on \(document.encoded().text) should fail")
        #expect(result == model.value, "seed \(seed) round \(round): \(text) on \(document.encoded().text)")
        applied += 1
      } catch { #expect(isRefused, "seed \(seed) round \(round): \(text) on \(document.encoded().text): \(error)") }
    }
    #expect(applied > Repository.rounds(500) / 10, "enough sequences apply to the end")
  }
}
