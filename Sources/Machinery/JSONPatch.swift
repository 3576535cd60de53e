import ByteBuffers
public import JSON

/// JSON patch, RFC 6902, with the ways of the library that kube-apiserver uses (evanphx/json-patch 4): indexes may be negative, `replace` of a member that is
/// missing adds it, `copy` of one copies null, and `test` takes a missing one for null.
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
    /// nil: not given.
    let value: JSONValue?

    init(_ entry: JSONValue) {
      kind = entry["op"]?.string ?? "unknown"
      path = entry["path"]?.string
      from = entry["from"]?.string
      value = entry["value"]
    }
  }
  private let operations: [Operation]

  /// Reads a patch; null is one without operations. Unknown operations are found only when they are applied, as upstream does.
  public init(_ patch: JSONValue) throws(Failure) {
    if patch.isNull {
      operations = []
      return
    }
    guard let list = patch.array else { throw .malformed("json: cannot unmarshal \(patch.goKind) into Go value of type jsonpatch.Patch") }
    guard list.count <= Self.maxOperations else { throw .tooManyOperations(list.count) }
    for entry in list where !entry.isNull && entry.object == nil {
      throw .malformed("json: cannot unmarshal \(entry.goKind) into Go value of type jsonpatch.Operation")
    }
    operations = list.map(Operation.init)
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
        guard operation.path != "" else {
          guard let value = operation.value, value.object != nil || value.array != nil else {
            throw .doesNotApply("replace operation value must be object or array")
          }
          document = value
          continue
        }
        try Self.edit(&document, path) { (parent, key) throws(Failure) in try Self.replace(&parent, key, operation.value ?? .null) }
      case "move":
        var moved = JSONValue.null
        try Self.edit(&document, try from(operation)) { (parent, key) throws(Failure) in moved = try Self.remove(&parent, key) }
        try Self.edit(&document, try path(operation)) { (parent, key) throws(Failure) in try Self.add(&parent, key, moved) }
      case "copy":
        let value = try Self.value(at: try from(operation), in: document) ?? .null
        let path = try path(operation)
        copied += value.encoded().count
        guard copied <= Self.maxCopiedBytes else { throw .doesNotApply("accumulated size of copy operations exceeds \(Self.maxCopiedBytes) bytes") }
        try Self.edit(&document, path) { (parent, key) throws(Failure) in try Self.add(&parent, key, value) }
      case "test":
        let path = try path(operation)
        let found = operation.path == "" ? document : try Self.value(at: path, in: document) ?? .null
        guard found.isSameValue(as: operation.value ?? .null) else { throw .doesNotApply("testing value \(operation.path ?? "") failed") }
      default: throw .doesNotApply("Unexpected kind: \(operation.kind)")
      }
    }
    return document
  }

  private func path(_ operation: Operation) throws(Failure) -> [String] {
    guard let path = operation.path else { throw .doesNotApply("operation missing path field") }
    return Self.tokens(path)
  }

  private func from(_ operation: Operation) throws(Failure) -> [String] {
    guard let from = operation.from else { throw .doesNotApply("operation, missing from field") }
    return Self.tokens(from)
  }

  /// What stands before the first slash does not count.
  private static func tokens(_ pointer: String) -> [String] {
    pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { token in
      guard token.contains("~") else { return String(token) }
      return token.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
        .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
    }
  }

  /// The value at a path; nil for a member that its object does not have. Throws where there is no such container or element.
  private static func value(at path: [String], in document: JSONValue) throws(Failure) -> JSONValue? {
    guard let last = path.last else { throw .doesNotApply("doc is missing path") }
    var current = document
    for token in path.dropLast() {
      guard let next = try member(token, of: current) else { throw .doesNotApply("doc is missing path: \(token)") }
      current = next
    }
    return try member(last, of: current)
  }

  private static func member(_ token: String, of container: JSONValue) throws(Failure) -> JSONValue? {
    if let array = container.array { return array[try index(token, count: array.count)] }
    guard let object = container.object else { throw .doesNotApply("doc is missing path: \(token)") }
    return object[token]
  }

  /// Lends the container that holds the last token of `path`, with that token.
  private static func edit(
    _ document: inout JSONValue, _ path: [String], _ change: (inout JSONValue, String) throws(Failure) -> Void
  ) throws(Failure) {
    guard let last = path.last else { throw .doesNotApply("doc is missing path") }
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
      guard let place = object.index(of: token) else { throw .doesNotApply("doc is missing path: \(token)") }
      try object.edit(at: place) { (child) throws(Failure) in try descend(&child, path.dropFirst(), last, change) }
      value = .object(object)
    case .array(var array):
      value = .null
      let place = try index(token, count: array.count)
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
        array.insert(value, at: try index(key, count: array.count + 1))
      }
      parent = .array(array)
    default: throw .doesNotApply("add operation does not apply: doc is missing path: \(key)")
    }
  }

  private static func remove(_ parent: inout JSONValue, _ key: String) throws(Failure) -> JSONValue {
    switch parent {
    case .object(var object):
      guard let value = object[key] else { throw .doesNotApply("Unable to remove nonexistent key: \(key)") }
      parent = .null
      object[key] = nil
      parent = .object(object)
      return value
    case .array(var array):
      let place = try index(key, count: array.count)
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
      parent = .null
      object[key] = value
      parent = .object(object)
    case .array(var array):
      let place = try index(key, count: array.count)
      parent = .null
      array[place] = value
      parent = .array(array)
    default: throw .doesNotApply("replace operation does not apply: doc is missing path: \(key)")
    }
  }

  /// Negative indexes count from the end.
  private static func index(_ token: String, count: Int) throws(Failure) -> Int {
    guard let number = Int(token), number < count, number >= -count else { throw .doesNotApply("Unable to access invalid index: \(token)") }
    return number < 0 ? number + count : number
  }
}

extension JSONValue {
  /// The kind of value in the words of Go's encoding/json.
  public var goKind: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .int, .double, .number: "number"
    case .string: "string"
    case .array: "array"
    case .object, .unread: "object"
    }
  }
}
