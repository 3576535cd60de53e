public import JSON
public import Machinery

/// The type model: built-in API types as flat arrays, read once from the generated facts.
public struct TypeModel: Sendable {
  /// A type's place in the model.
  public struct TypeID: Hashable, Sendable { let index: Int }

  /// What a value is.
  public enum Shape: Sendable {
    case string, bool, int32, int64, double, quantity, time, microTime, intOrString, bytes, raw
    /// JSON of any form that Go reads and writes again: members sorted by name.
    case json
    case structure(TypeID)
    /// A struct, or what the other side is; Go reads these by hand. (`JSONSchemaPropsOrArray` and its kin)
    case either(TypeID, or: Alternative)
    indirect case list(Shape)
    indirect case map(Shape)

    /// The struct inside, looking through one list or map.
    var structure: TypeID? {
      switch self {
      case .structure(let id), .list(.structure(let id)), .map(.structure(let id)): id
      default: nil
      }
    }
  }

  /// What may stand where a struct may.
  public enum Alternative: String, Sendable {
    /// A list of such structs.
    case array = "Array"
    case bool = "Bool"
    /// A list of texts.
    case strings = "StringArray"
  }

  /// When a member is left out of answers.
  public enum Omission: Sendable { case never, whenEmpty, whenZero }

  public struct Field: Sendable {
    public let name: String
    public let shape: Shape
    /// A pointer in Go: a zero value that was given is kept.
    public let isPointer: Bool
    public let omission: Omission
    /// `atomic`, `set`, `map` or nil.
    public let listType: String?
    public let mapKeys: [String]
    /// A map or struct that merges as a whole.
    public let isAtomicMap: Bool
    public let patchStrategies: [String]
    public let patchMergeKey: String?
    public let isRequired: Bool
    /// The values that Go names as constants; empty where any text will do.
    public let enumeration: [String]
    public let defaultValue: JSONValue?
    /// Its number in the protobuf message; 0 where there is none.
    let number: UInt32
    /// The numbers of the messages that it stands in, from the outside in, where Go embeds structs that JSON shows
    /// flat.
    let outerNumbers: [UInt32]
    /// The Go type as messages name it (`v1.TaintEffect`); nil where it follows from the shape.
    public let goType: String?
  }

  public struct Structure: Sendable {
    /// `io.k8s.api.core.v1.Node`
    public let name: String
    public let groupVersionKind: GroupVersionKind?
    /// Merges as a whole wherever it stands.
    public let isAtomic: Bool
    /// In the order of answers.
    public let fields: [Field]
    /// `Node`
    public var shortName: String { String(name.split(separator: ".").last ?? "") }
    /// As Go's messages name it: `v1.Node`.
    var goName: String { name.split(separator: ".").suffix(2).joined(separator: ".") }
  }

  public let structures: [Structure]
  private let places: [String: Int]
  /// The places of each structure's fields that protobuf has, by their numbers; those of one embedded message together.
  let protobufOrder: [[Int]]
  /// What the decoder reads: the same facts as flat rows.
  let tables: DecodeTables

  /// The types that Kubernetes itself has, as far as they are served.
  public static let builtin = TypeModel(facts: Facts.all.map(\.description).joined(separator: "\n"))

  /// What is wrong with the facts, a line each: types that nobody has, structs without an end. Empty for what
  /// scripts/generate-schema has made; where it is not, the model stands with a hole, and nothing should be served by
  /// it.
  public let problems: [String]

  /// A type by its OpenAPI name.
  public func type(_ name: String) -> TypeID? { places[name].map(TypeID.init) }

  public subscript(id: TypeID) -> Structure { structures[id.index] }

  /// The field of a structure.
  public func field(_ name: String, of id: TypeID) -> Field? { structures[id.index].fields.first { $0.name == name } }

  /// `facts`: text in the form that scripts/generate-schema describes.
  init(facts: String) {
    let lines = facts[...].parts(UInt8(ascii: "\n"))
    let linker = TypeLinker(lines)
    var structures: [Structure] = []
    var places: [String: Int] = [:]
    var name = ""
    var kind: GroupVersionKind?
    var isAtomic = false
    var fields: [Field] = []
    func close() {
      guard !name.isEmpty else { return }
      places[name] = structures.count
      structures.append(Structure(name: name, groupVersionKind: kind, isAtomic: isAtomic, fields: fields))
      fields = []
    }
    for line in lines {
      let words = line.parts(UInt8(ascii: " "), maxSplits: 3)
      if words.count >= 3, words[0] == "T" {
        close()
        name = String(words[1])
        isAtomic = words.count > 3 && words[3] == "atomic"
        let parts = words[2].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        kind =
          parts.count == 3 ? GroupVersionKind(GroupVersion(group: parts[0], version: parts[1]), kind: parts[2]) : nil
      } else if words.count >= 3 {
        fields.append(Self.field(words, of: name, linker))
      }
    }
    close()
    problems = linker.holes + Self.endless(structures)
    if !problems.isEmpty { structures = [] }
    self.structures = structures
    self.places = problems.isEmpty ? places : [:]
    protobufOrder = structures.map { structure in
      func path(_ place: Int) -> [UInt32] { structure.fields[place].outerNumbers + [structure.fields[place].number] }
      return structure.fields.indices.filter { structure.fields[$0].number > 0 }.sorted {
        path($0).lexicographicallyPrecedes(path($1))
      }
    }
    tables = DecodeTables(structures)
  }

  private static func field(_ words: [Substring], of type: String, _ linker: TypeLinker) -> Field {
    // Few to a field: a table of them would cost more than it saves.
    let attributes = words.count > 3 ? words[3].parts(UInt8(ascii: " ")) : []
    func attribute(_ name: String) -> Substring? {
      for attribute in attributes {
        let bytes = attribute.utf8
        guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), bytes[..<equals].elementsEqual(name.utf8) else {
          continue
        }
        return attribute[bytes.index(after: equals)...]
      }
      return nil
    }
    func list(_ name: String) -> [Substring] { attribute(name)?.parts(UInt8(ascii: ",")) ?? [] }
    var code = words[1]
    let isPointer = code.first == "*"
    if isPointer { code = code.dropFirst() }
    return Field(
      name: String(words[0]), shape: shape(code, of: type, linker), isPointer: isPointer,
      omission: words[2] == "a" ? .never : words[2] == "e" ? .whenEmpty : .whenZero,
      listType: attribute("lt").map(String.init), mapKeys: list("mk").map(String.init),
      isAtomicMap: attribute("mt") == "atomic",
      patchStrategies: list("ps").map(String.init), patchMergeKey: attribute("pk").map(String.init),
      isRequired: attribute("rq") != nil,
      enumeration: list("en").map { $0.split(separator: "%20").joined(separator: " ") },
      defaultValue: attribute("df").flatMap { try? JSONValue(parsing: String($0)) },
      number: attribute("pb").flatMap { UInt32($0) } ?? 0,
      outerNumbers: list("pi").compactMap { UInt32($0) },
      goType: attribute("go").map(String.init))
  }

  private static func shape(_ code: Substring, of type: String, _ linker: TypeLinker) -> Shape {
    switch code.first {
    case "s": .string
    case "b": .bool
    case "i": .int32
    case "l": .int64
    case "d": .double
    case "q": .quantity
    case "t": .time
    case "u": .microTime
    case "o": .intOrString
    case "y": .bytes
    case "[": .list(shape(code.dropFirst(), of: type, linker))
    case "{": .map(shape(code.dropFirst(), of: type, linker))
    case "j": .json
    case "R": linker.place(code.dropFirst(), by: type).map { .structure(TypeID(index: $0)) } ?? .raw
    case "A": either(code, .array, of: type, linker)
    case "B": either(code, .bool, of: type, linker)
    case "S": either(code, .strings, of: type, linker)
    default: .raw
    }
  }

  /// `code`: the letter of the alternative, and a struct.
  private static func either(
    _ code: Substring, _ other: Alternative, of type: String, _ linker: TypeLinker
  ) -> Shape {
    guard case .structure(let id) = shape(code.dropFirst(), of: type, linker) else { return .raw }
    return .either(id, or: other)
  }
}

extension Substring {
  /// As `split(separator:)`, which crosses a module's border for each byte: thousands of lines are taken apart at each
  /// start.
  fileprivate func parts(_ separator: UInt8, maxSplits: Int = .max) -> [Substring] {
    utf8.split(separator: separator, maxSplits: maxSplits).map { Substring($0) }
  }
}
