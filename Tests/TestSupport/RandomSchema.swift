public import JSON

/// A random type with every kind of member that merges in a way of its own, as facts (the text that `TypeModel` is made
/// of), and random values of it.
///
/// The root has kind, apiVersion and metadata, as objects do. Names and values are few, so that two values meet often.
public struct RandomSchema: Sendable {
  public indirect enum Shape: Sendable {
    case string, bool, int
    case structure(Int)
    case list(Shape)
    case map(Shape)
  }

  public enum ListKind: Sendable { case atomic, set, keyed([String]) }

  public struct Field: Sendable {
    public let name: String
    public let shape: Shape
    public var list = ListKind.atomic
    /// A map or struct that is one value.
    public var isAtomic = false
    public var retainsKeys = false
    /// What counts where an item leaves its key out.
    public var keyDefault: String?
  }

  public struct Structure: Sendable {
    public let fields: [Field]
    /// One value wherever it stands.
    public var isAtomic = false
    public subscript(name: String) -> Field? { fields.first { $0.name == name } }
  }

  public let structures: [Structure]
  public static let typeName = "test.Root"

  /// May values have empty maps and lists, and nulls?
  public var hasEmpties = false

  public init(_ dice: inout Dice) {
    let metadata = Structure(fields: [
      Field(name: "name", shape: .string), Field(name: "uid", shape: .string),
      Field(name: "labels", shape: .map(.string)),
      Field(name: "finalizers", shape: .list(.string), list: .set),
      Field(name: "managedFields", shape: .list(.map(.string))),
    ])
    // Types below the root refer only to those behind them, so values end.
    let count = 4
    var below: [Structure] = []
    for place in 0..<count { below.append(Self.structure(&dice, behind: (place + 3)..<(count + 2))) }
    let root = Structure(fields: [
      Field(name: "kind", shape: .string), Field(name: "apiVersion", shape: .string),
      Field(name: "metadata", shape: .structure(1)),
      Field(name: "spec", shape: .structure(2)), Field(name: "status", shape: .structure(3)),
    ])
    structures = [root, metadata] + below
  }

  private static func structure(_ dice: inout Dice, behind: Range<Int>) -> Structure {
    // Every struct can be an item: `k` tells it apart, and `d` does where it is a second key.
    var fields = [Field(name: "k", shape: .string), Field(name: "d", shape: .string, keyDefault: "one")]
    for name in ["a", "b", "c", "e"] {
      let reference = behind.isEmpty ? nil : dice.number(below: behind.count) + behind.lowerBound
      switch (dice.number(below: 11), reference) {
      case (0, _): fields.append(Field(name: name, shape: .string))
      case (1, _): fields.append(Field(name: name, shape: .int))
      case (2, _): fields.append(Field(name: name, shape: .bool))
      case (3, _): fields.append(Field(name: name, shape: .map(.string), isAtomic: dice.one(in: 3)))
      case (4, _): fields.append(Field(name: name, shape: .list(.string), list: .set))
      case (5, _): fields.append(Field(name: name, shape: .list(.int), list: dice.one(in: 2) ? .set : .atomic))
      case (6, let item?):
        fields.append(
          Field(name: name, shape: .structure(item), isAtomic: dice.one(in: 4), retainsKeys: dice.one(in: 3)))
      case (7, let item?): fields.append(Field(name: name, shape: .map(.structure(item))))
      case (8, let item?), (9, let item?):
        fields.append(
          Field(name: name, shape: .list(.structure(item)), list: .keyed(dice.one(in: 3) ? ["k", "d"] : ["k"])))
      case (10, let item?): fields.append(Field(name: name, shape: .list(.structure(item))))
      default: fields.append(Field(name: name, shape: .list(.string), list: .set))
      }
    }
    return Structure(fields: fields, isAtomic: dice.one(in: 5))
  }

  /// The facts that `TypeModel` reads.
  public var facts: String {
    var lines: [String] = []
    for (place, structure) in structures.enumerated() {
      lines.append(
        "T \(place == 0 ? Self.typeName : "test.T\(place)") \(place == 0 ? "/v1/Root" : "-")\(structure.isAtomic ? " atomic" : "")"
      )
      for field in structure.fields {
        var line = "\(field.name) \(Self.code(field.shape)) e"
        switch field.list {
        case .atomic: if case .list = field.shape { line += " lt=atomic" }
        case .set: line += " lt=set ps=merge"
        case .keyed(let keys): line += " lt=map mk=\(keys.joined(separator: ",")) ps=merge pk=k"
        }
        if field.isAtomic { line += " mt=atomic" }
        if field.retainsKeys { line += " ps=retainKeys" }
        if let value = field.keyDefault { line += " df=\"\(value)\"" }
        lines.append(line)
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func code(_ shape: Shape) -> String {
    switch shape {
    case .string: "s"
    case .bool: "b"
    case .int: "l"
    case .structure(let place): "R\(place == 0 ? typeName : "test.T\(place)")"
    case .list(let item): "[" + code(item)
    case .map(let item): "{" + code(item)
    }
  }

  // MARK: values

  /// A whole object, with metadata that has a name and perhaps labels and finalizers.
  public func object(_ dice: inout Dice) -> JSONValue {
    var metadata: JSONValue = ["name": "x"]
    if dice.one(in: 2) { metadata["labels"] = map(.string, &dice) }
    if dice.one(in: 3) { metadata["finalizers"] = list(.string, .set, &dice) }
    var object: JSONValue = ["kind": "Root", "apiVersion": "v1", "metadata": metadata]
    if !dice.one(in: 4) { object["spec"] = value(of: 2, &dice) }
    if !dice.one(in: 4) { object["status"] = value(of: 3, &dice) }
    return object
  }

  /// A value of a struct. An item that is told apart has both of its keys.
  public func value(of structure: Int, isItem: Bool = false, _ dice: inout Dice) -> JSONValue {
    var members: [JSONObject.Member] = []
    for field in structures[structure].fields {
      let isKey = isItem && field.name == "k"
      guard isKey || dice.one(in: 2) else { continue }
      if hasEmpties && !isKey && field.name != "d" && dice.one(in: 12) {
        members.append(JSONObject.Member(field.name, .null))
      } else {
        members.append(JSONObject.Member(field.name, value(field, &dice)))
      }
    }
    return .object(JSONObject(unchecked: members))
  }

  private func value(_ field: Field, _ dice: inout Dice) -> JSONValue {
    if field.name == "d" { return .string(dice.pick(["one", "two"])) }
    if case .list(let item) = field.shape { return list(item, field.list, &dice) }
    return value(field.shape, &dice)
  }

  private func value(_ shape: Shape, _ dice: inout Dice) -> JSONValue {
    switch shape {
    case .string: .string(dice.pick(["p", "q", "r"]))
    case .bool: .bool(dice.one(in: 2))
    case .int: .int(Int64(dice.number(below: 3)))
    case .structure(let place): value(of: place, &dice)
    case .list(let item): list(item, .atomic, &dice)
    case .map(let item): map(item, &dice)
    }
  }

  private func map(_ item: Shape, _ dice: inout Dice) -> JSONValue {
    var names = dice.some(["x", "y", "z"])
    if names.isEmpty && !hasEmpties { names = ["x"] }
    return .object(JSONObject(unchecked: names.map { name in JSONObject.Member(name, value(item, &dice)) }))
  }

  private func list(_ item: Shape, _ kind: ListKind, _ dice: inout Dice) -> JSONValue {
    let words = ["p", "q", "r", "s"]
    var chosen = dice.some(words)
    if chosen.isEmpty && !hasEmpties { chosen = ["p"] }
    switch (kind, item) {
    case (.keyed, .structure(let place)):
      return .array(
        chosen.map { word in
          var value = value(of: place, isItem: true, &dice)
          value["k"] = .string(word)
          return value
        })
    case (_, .int): return .array(chosen.map { .int(Int64(words.firstIndex(of: $0) ?? 0)) })
    case (_, .string): return .array(chosen.map { .string($0) })
    default: return .array(chosen.map { _ in value(item, &dice) })
    }
  }
}
