import ByteBuffers
public import JSON

/// JSON patch, RFC 6902, with the ways of the library that kube-apiserver uses (evanphx/json-patch 4): indexes may be negative.
public struct JSONPatch: Sendable {
  /// Why a patch could not be used. kube-apiserver tells clients only which of these it was.
  public enum Failure: Error, Equatable {
    /// The patch itself is no list of operations: 400.
    case malformed(String)
    /// More operations than allowed: 413.
    case tooManyOperations(Int)
    /// An operation did not apply, `test` included: 422.
    case doesNotApply(String)
  }

  /// Most operations in one patch.
  public static let maxOperations = 10_000
  /// Most bytes that `copy` operations may add up to.
  public static let maxCopiedBytes = 3 << 20

  private struct Operation: Sendable {
    let kind: String
    let path: String?
    let from: String?
    let value: JSONValue?
  }
  private let operations: [Operation]

  /// Reads a patch. Unknown operations are found only when they are applied, as upstream does.
  public init(_ patch: JSONValue) throws(Failure) {
    guard let list = patch.array else {
      throw .malformed("json: cannot unmarshal \(patch.goKind) into Go value of type jsonpatch.Patch")
    }
    guard list.count <= Self.maxOperations else { throw .tooManyOperations(list.count) }
    var operations: [Operation] = []
    operations.reserveCapacity(list.count)
    for entry in list {
      guard let members = entry.object else {
        throw .malformed("json: cannot unmarshal \(entry.goKind) into Go value of type jsonpatch.Operation")
      }
      operations.append(Operation(kind: members["op"]?.string ?? "unknown", path: members["path"]?.string, from: members["from"]?.string, value: members["value"]))
    }
    self.operations = operations
  }

  /// `document` after all operations.
  public func apply(to document: JSONValue) throws(Failure) -> JSONValue {
    var document = document
    var copied = 0
    for operation in operations {
      switch operation.kind {
      case "add":
        try Self.edit(&document, try path(operation)) { (parent, key) throws(Failure) in try Self.add(&parent, key, operation.value ?? .null) }
      case "remove":
        try Self.edit(&document, try path(operation)) { (parent, key) throws(Failure) in _ = try Self.remove(&parent, key) }
      case "replace":
        let path = try path(operation)
        if path.isEmpty {
          document = operation.value ?? .null
        } else {
          try Self.edit(&document, path) { (parent, key) throws(Failure) in try Self.replace(&parent, key, operation.value ?? .null) }
        }
      case "move":
        var moved = JSONValue.null
        try Self.edit(&document, try from(operation)) { (parent, key) throws(Failure) in moved = try Self.remove(&parent, key) }
        try Self.edit(&document, try path(operation)) { (parent, key) throws(Failure) in try Self.add(&parent, key, moved) }
      case "copy":
        guard let value = Self.value(at: try from(operation), in: document) else { throw .doesNotApply("copy operation does not apply") }
        copied += value.encoded().count
        guard copied <= Self.maxCopiedBytes else { throw .doesNotApply("accumulated size of copy operations exceeds \(Self.maxCopiedBytes) bytes") }
        try Self.edit(&document, try path(operation)) { (parent, key) throws(Failure) in try Self.add(&parent, key, value) }
      case "test":
        let found = Self.value(at: try path(operation), in: document) ?? .null
        guard Self.isEqual(found, operation.value ?? .null) else { throw .doesNotApply("testing value \(operation.path ?? "") failed") }
      default: throw .doesNotApply("Unexpected kind: \(operation.kind)")
      }
    }
    return document
  }

  private func path(_ operation: Operation) throws(Failure) -> [String] {
    guard let path = operation.path else { throw .doesNotApply("operation has no path") }
    return Self.tokens(path)
  }

  private func from(_ operation: Operation) throws(Failure) -> [String] {
    guard let from = operation.from else { throw .doesNotApply("operation has no from") }
    return Self.tokens(from)
  }

  private static func tokens(_ pointer: String) -> [String] {
    pointer.isEmpty ? [] : pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { token in
      guard token.contains("~") else { return String(token) }
      return token.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
        .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
    }
  }

  /// Numbers are equal by value, objects without regard to order.
  private static func isEqual(_ a: JSONValue, _ b: JSONValue) -> Bool {
    switch (a, b) {
    case (.object(let x), .object(let y)):
      return x.count == y.count && x.members.allSatisfy { member in y[member.name].map { isEqual(member.value, $0) } ?? false }
    case (.array(let x), .array(let y)): return x.count == y.count && zip(x, y).allSatisfy { isEqual($0, $1) }
    case (.int(let x), .double(let y)), (.double(let y), .int(let x)): return Double(x) == y
    default: return a == b
    }
  }

  private static func value(at path: [String], in document: JSONValue) -> JSONValue? {
    var current = document
    for token in path {
      switch current {
      case .object(let object):
        guard let next = object[token] else { return nil }
        current = next
      case .array(let array):
        guard let place = index(token, count: array.count) else { return nil }
        current = array[place]
      default: return nil
      }
    }
    return current
  }

  /// Lends the container that holds the last token of `path`, with that token.
  private static func edit(
    _ document: inout JSONValue, _ path: [String], _ change: (inout JSONValue, String) throws(Failure) -> Void
  ) throws(Failure) {
    guard let last = path.last else { throw .doesNotApply("the whole document can't be changed so") }
    try descend(&document, path.dropLast(), last, change)
  }

  private static func descend(
    _ value: inout JSONValue, _ path: ArraySlice<String>, _ last: String, _ change: (inout JSONValue, String) throws(Failure) -> Void
  ) throws(Failure) {
    guard let token = path.first else { return try change(&value, last) }
    // The child is taken out while it is edited, so that nothing is copied.
    switch value {
    case .object(var object):
      value = .null
      guard var child = object[token] else { throw .doesNotApply("doc is missing path: \(token)") }
      object[token] = .null
      try descend(&child, path.dropFirst(), last, change)
      object[token] = child
      value = .object(object)
    case .array(var array):
      value = .null
      guard let place = index(token, count: array.count) else { throw .doesNotApply("invalid index: \(token)") }
      var child = array[place]
      array[place] = .null
      try descend(&child, path.dropFirst(), last, change)
      array[place] = child
      value = .array(array)
    default: throw .doesNotApply("doc is missing path: \(token)")
    }
  }

  private static func add(_ parent: inout JSONValue, _ key: String, _ value: JSONValue) throws(Failure) {
    switch parent {
    case .object(var object):
      parent = .null
      object[key] = value
      parent = .object(object)
    case .array(var array):
      parent = .null
      if key == "-" {
        array.append(value)
      } else {
        guard let number = Int(key), number <= array.count, number >= -array.count - 1 else { throw .doesNotApply("invalid index: \(key)") }
        array.insert(value, at: number < 0 ? number + array.count + 1 : number)
      }
      parent = .array(array)
    default: throw .doesNotApply("add operation does not apply: doc is missing path: \(key)")
    }
  }

  private static func remove(_ parent: inout JSONValue, _ key: String) throws(Failure) -> JSONValue {
    switch parent {
    case .object(var object):
      guard let value = object[key] else { throw .doesNotApply("unable to remove nonexistent key: \(key)") }
      parent = .null
      object[key] = nil
      parent = .object(object)
      return value
    case .array(var array):
      guard let place = index(key, count: array.count) else { throw .doesNotApply("unable to access invalid index: \(key)") }
      parent = .null
      let value = array.remove(at: place)
      parent = .array(array)
      return value
    default: throw .doesNotApply("remove operation does not apply: doc is missing path: \(key)")
    }
  }

  private static func replace(_ parent: inout JSONValue, _ key: String, _ value: JSONValue) throws(Failure) {
    switch parent {
    case .object(var object):
      guard object[key] != nil else { throw .doesNotApply("replace operation does not apply: doc is missing key: \(key)") }
      parent = .null
      object[key] = value
      parent = .object(object)
    case .array(var array):
      guard let place = index(key, count: array.count) else { throw .doesNotApply("replace operation does not apply: doc is missing key: \(key)") }
      parent = .null
      array[place] = value
      parent = .array(array)
    default: throw .doesNotApply("replace operation does not apply: doc is missing path: \(key)")
    }
  }

  private static func index(_ token: String, count: Int) -> Int? {
    guard let number = Int(token) else { return nil }
    let place = number < 0 ? number + count : number
    return (0..<count).contains(place) ? place : nil
  }
}

extension JSONValue {
  /// The kind of value in the words of Go's encoding/json.
  public var goKind: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .int, .double: "number"
    case .string: "string"
    case .array: "array"
    case .object, .unread: "object"
    }
  }
}
