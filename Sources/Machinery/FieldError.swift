/// One complaint about one field, with the texts of Kubernetes' `field.Error`.
public struct FieldError: Sendable, Equatable {
  /// Kinds of complaint; the raw value is the reason of a Status cause.
  public enum Kind: String, Sendable {
    case notFound = "FieldValueNotFound"
    case required = "FieldValueRequired"
    case duplicate = "FieldValueDuplicate"
    case invalid = "FieldValueInvalid"
    case notSupported = "FieldValueNotSupported"
    case forbidden = "FieldValueForbidden"
    case tooLong = "FieldValueTooLong"
    case tooMany = "FieldValueTooMany"
    case tooFew = "FieldValueTooFew"
    case tooShort = "FieldValueTooShort"
    case internalError = "InternalError"
    case typeInvalid = "FieldValueTypeInvalid"

    var title: String {
      switch self {
      case .notFound: "Not found"
      case .required: "Required value"
      case .duplicate: "Duplicate value"
      case .invalid, .typeInvalid: "Invalid value"
      case .notSupported: "Unsupported value"
      case .forbidden: "Forbidden"
      case .tooLong: "Too long"
      case .tooMany: "Too many"
      case .tooFew: "Too few"
      case .tooShort: "Too short"
      case .internalError: "Internal error"
      }
    }
  }

  public let kind: Kind
  /// Where: `spec.taints[0].effect`.
  public let field: String
  /// The value as messages print it (a string in quotes); nil where the message shows none.
  public let value: String?
  public let detail: String

  public init(_ kind: Kind, _ field: String, value: String? = nil, detail: String = "") {
    self.kind = kind
    self.field = field
    self.value = value
    self.detail = detail
  }

  /// The same complaint about another place.
  public func at(_ field: String) -> FieldError { FieldError(kind, field, value: value, detail: detail) }

  /// `Invalid value: "x": must be …`
  public var body: String {
    var text = kind.title
    switch kind {
    case .required, .forbidden, .tooLong, .tooShort, .internalError: break
    default: if let value { text += ": \(value)" }
    }
    if !detail.isEmpty { text += ": \(detail)" }
    return text
  }

  /// `metadata.name: Invalid value: …`
  public var message: String { "\(field): \(body)" }

  public static func invalid(_ field: String, _ text: String, _ detail: String) -> FieldError {
    FieldError(.invalid, field, value: GoText.quoted(text), detail: detail)
  }
  public static func invalid(_ field: String, bare value: String, _ detail: String) -> FieldError {
    FieldError(.invalid, field, value: value, detail: detail)
  }
  public static func required(_ field: String, _ detail: String) -> FieldError {
    FieldError(.required, field, detail: detail)
  }
  public static func forbidden(_ field: String, _ detail: String) -> FieldError {
    FieldError(.forbidden, field, detail: detail)
  }
  public static func duplicate(_ field: String, bare value: String, _ detail: String = "") -> FieldError {
    FieldError(.duplicate, field, value: value, detail: detail)
  }
  public static func notSupported(_ field: String, _ text: String, _ supported: [String]) -> FieldError {
    notSupported(field, bare: GoText.quoted(text), supported)
  }
  /// `text`: the value as it is shown.
  public static func notSupported(_ field: String, bare text: String, _ supported: [String]) -> FieldError {
    FieldError(
      .notSupported, field, value: text,
      detail: supported.isEmpty
        ? "" : "supported values: " + supported.map { GoText.quoted($0) }.joined(separator: ", "))
  }
  public static func tooLong(_ field: String, _ detail: String) -> FieldError {
    FieldError(.tooLong, field, detail: detail)
  }
  /// Longer than `limit` bytes.
  public static func tooLong(_ field: String, limit: Int) -> FieldError {
    FieldError(.tooLong, field, detail: "may not be more than \(limit) \(limit == 1 ? "byte" : "bytes")")
  }
  public static func tooMany(_ field: String, count: Int, limit: Int) -> FieldError {
    FieldError(
      .tooMany, field, value: String(count), detail: "must have at most \(limit) \(limit == 1 ? "item" : "items")")
  }
  public static func notFound(_ field: String, _ text: String) -> FieldError {
    FieldError(.notFound, field, value: GoText.quoted(text))
  }
  public static func internalError(_ field: String, _ why: String) -> FieldError {
    FieldError(.internalError, field, detail: why)
  }

  /// The most bytes of complaints that one answer tells, beside the first: a body can hold more mistakes than anybody
  /// reads, and each may be told many times as long as it is.
  public static let textMax = 1 << 20

  /// As many of `errors` as an answer tells, and their messages.
  static func told(_ errors: [FieldError]) -> (errors: ArraySlice<FieldError>, messages: [String]) {
    var bytes = 0
    var messages: [String] = []
    for error in errors {
      if bytes > textMax {
        messages.append("and \(errors.count - messages.count) more")
        return (errors.prefix(messages.count - 1), messages)
      }
      messages.append(error.message)
      bytes += messages.last?.utf8.count ?? 0
    }
    return (errors[...], messages)
  }

  /// Several messages as Go's aggregate prints them: one alone as it is, more in brackets, repeated ones once.
  public static func aggregate(_ messages: [String]) -> String {
    var seen = Set<ByteString>()
    let unique = messages.filter { seen.insert($0).inserted }
    return unique.count == 1 ? unique[0] : "[" + unique.joined(separator: ", ") + "]"
  }
}
