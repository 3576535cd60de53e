import JSON
import Machinery

/// What is wrong with one value, before it is told.
struct ValueFault {
  enum Kind {
    case type, required, enumeration([JSONValue]), tooLong(Int64), tooManyItems(Int64), tooManyProperties(Int64)
    /// `Invalid value`, with the text that follows.
    case other
    /// Of no field.
    case nameless
  }
  let kind: Kind
  let path: String
  /// As messages print it; nil for an empty text.
  let value: JSONValue?
  let text: String

  /// Those that say that the object has not the form that rules are written for. (`hasBlockingErr`)
  var blocksRules: Bool {
    switch kind {
    case .type, .required, .enumeration, .tooLong, .tooManyItems, .tooManyProperties: true
    case .other, .nameless: false
    }
  }

  func error(at root: String) -> FieldError {
    if case .nameless = kind {
      return .invalid(root.isEmpty ? "<nil>" : root, "", text)
    }
    let own = path.hasPrefix(".") ? String(path.dropFirst()) : path
    // A path that begins with a place follows its root as a name does, dot and all.
    let field = own.isEmpty ? (root.isEmpty ? "<nil>" : root) : root.isEmpty ? own : "\(root).\(own)"
    func shown(_ value: JSONValue?) -> String { value.map(\.inComplaints) ?? "\"\"" }
    switch kind {
    case .required: return .required(field, "")
    case .enumeration(let values):
      return .notSupported(
        field, bare: shown(value ?? .null), values.map { $0.string ?? $0.sortedByName.encoded().text })
    case .tooLong(let most): return .tooLong(field, limit: Int(clamping: most))
    case .tooManyItems(let most), .tooManyProperties(let most):
      return .tooMany(field, count: Int(clamping: value?.int ?? -1), limit: Int(clamping: most))
    case .type: return FieldError(.typeInvalid, field, value: shown(value), detail: text)
    case .other, .nameless: return .invalid(field, bare: shown(value), text)
    }
  }
}

/// What a value was found to have wrong, and how much of it was right, which tells the best of several alternatives.
struct ValueFaults {
  var list: [ValueFault] = []
  var matches = 0
  var isGood: Bool { list.isEmpty }

  mutating func merge(_ other: ValueFaults) {
    list += other.list
    matches += other.matches
  }
}
