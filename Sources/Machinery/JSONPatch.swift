public import JSON

/// JSON patch, RFC 6902, with the ways of the library that kube-apiserver uses (evanphx/json-patch 4): indexes may be
/// negative, `replace` of a member that is missing adds it, `copy` of one copies null, and `test` takes a missing one
/// for null.
public struct JSONPatch: Sendable {
  /// Why a patch could not be used. kube-apiserver tells clients only which of these it was.
  public enum Failure: Error, Equatable {
    /// The patch itself is no list of operations: 400.
    case malformed(String)
    /// More operations than allowed: 413.
    case tooManyOperations(Int)
    /// An operation did not apply, `test` included: 422.
    case doesNotApply(String)
    /// The operations take more steps than `maxSteps`: 413.
    case tooMuchWork
  }

  /// Most operations in one patch.
  public static let maxOperations = 10_000
  /// Most bytes that `copy` operations may add up to.
  public static let maxCopiedBytes = 3 << 20
  /// Most steps that all operations may take together: members that are looked through, elements of lists that are
  /// changed, values whose depth is measured. About a second's work; 10,000 operations among 1,000 members or elements
  /// take half of it.
  public static let maxSteps = 20_000_000

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

  /// Reads a patch; null is one without operations. Unknown operations are found only when they are applied, as
  /// upstream does.
  public init(_ patch: JSONValue) throws(Failure) {
    if patch.isNull {
      operations = []
      return
    }
    guard let list = patch.array else {
      throw .malformed("json: cannot unmarshal \(patch.goKind) into Go value of type jsonpatch.Patch")
    }
    guard list.count <= Self.maxOperations else { throw .tooManyOperations(list.count) }
    for entry in list where !entry.isNull && entry.object == nil {
      throw .malformed("json: cannot unmarshal \(entry.goKind) into Go value of type jsonpatch.Operation")
    }
    operations = list.map(Operation.init)
  }

  /// `document` after all operations. After each of them it is no deeper than a text may be that is parsed.
  public func apply(to document: JSONValue) throws(Failure) -> JSONValue {
    try apply(to: document, maxSteps: Self.maxSteps)
  }

  func apply(to document: JSONValue, maxSteps: Int) throws(Failure) -> JSONValue {
    var work = JSONPatchWork(document, maxSteps: maxSteps)
    for operation in operations { try apply(operation, &work) }
    return work.document
  }

  private func apply(_ operation: Operation, _ work: inout JSONPatchWork) throws(Failure) {
    switch operation.kind {
    case "add": try work.add(operation.value ?? .null, at: try path(operation))
    case "remove": _ = try work.remove(at: try path(operation))
    case "replace":
      let path = try path(operation)
      guard operation.path != "" else {
        guard let value = operation.value, value.object != nil || value.array != nil else {
          throw .doesNotApply("replace operation value must be object or array")
        }
        try work.checkDepth(of: value, below: 0)
        work.document = value
        return
      }
      try work.replace(at: path, by: operation.value ?? .null)
    case "move":
      let moved = try work.remove(at: try from(operation))
      try work.add(moved, at: try path(operation))
    case "copy":
      let value = try work.value(at: try from(operation)) ?? .null
      let path = try path(operation)
      try work.copied(value)
      try work.add(value, at: path)
    case "test":
      let path = try path(operation)
      let found = operation.path == "" ? work.document : try work.value(at: path) ?? .null
      guard found.isSameValue(as: operation.value ?? .null) else {
        throw .doesNotApply("testing value \(operation.path ?? "") failed")
      }
    default: throw .doesNotApply("Unexpected kind: \(operation.kind)")
    }
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
    pointer.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst().map { part in
      let token = Substring(part)
      guard part.contains(UInt8(ascii: "~")) else { return String(token) }
      return token.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
        .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
    }
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
