import ByteBuffers
import JSON
import Machinery

/// The query of a create, update or patch. (`CreateOptions`, `UpdateOptions`, `PatchOptions`.)
struct WriteParameters: Sendable {
  enum Kind: String { case create = "CreateOptions", update = "UpdateOptions", patch = "PatchOptions" }
  var dryRun: [String] = []
  var fieldManager = ""
  var fieldValidation = ""
  /// Patches only.
  var force: Bool?

  /// Decodes and validates. `isApply`: a patch of the apply type, which needs a manager and alone may be forced.
  init(_ query: Query, kind: Kind, isApply: Bool = false) throws(Status) {
    guard !query.isEmpty || isApply else { return }
    dryRun = query.all("dryRun")
    fieldManager = query["fieldManager"] ?? ""
    fieldValidation = query["fieldValidation"] ?? ""
    force = ParameterText.bool(query["force"])
    var problems: [FieldError] = []
    if kind == .patch {
      if isApply {
        if fieldManager.isEmpty { problems.append(.required("fieldManager", "is required for apply patch")) }
      } else if force != nil {
        problems.append(.forbidden("force", "may not be specified for non-apply patch"))
      }
    }
    problems += Self.managerProblems(fieldManager)
    problems += Self.dryRunProblems(dryRun)
    if !["", "Ignore", "Warn", "Strict"].contains(fieldValidation) {
      problems.append(.notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]))
    }
    if !problems.isEmpty { throw Status.invalid(kind.rawValue, group: "meta.k8s.io", name: "", problems) }
  }

  var isDryRun: Bool { !dryRun.isEmpty }

  /// (`ValidateDryRun`; the value is printed as JSON because it is a list.)
  static func dryRunProblems(_ values: [String]) -> [FieldError] {
    guard values.contains(where: { $0 != "All" }) else { return [] }
    let list = JSONValue.array(values.map { .string($0) }).encoded().text
    return [FieldError(.notSupported, "dryRun", value: list, detail: "supported values: \"All\"")]
  }

  /// (`ValidateFieldManager`.)
  static func managerProblems(_ manager: String) -> [FieldError] {
    var problems: [FieldError] = []
    if manager.utf8.count > maxManagerBytes { problems.append(.tooLong("fieldManager", "may not be more than \(maxManagerBytes) bytes")) }
    var place = 0
    for scalar in manager.unicodeScalars {
      if !isPrintable(scalar) {
        let hex = String(scalar.value, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: max(0, 4 - hex.count)) + hex
        problems.append(.invalid("fieldManager", manager, "invalid character U+\(padded) (at position \(place))"))
      }
      place += scalar.utf8.count
    }
    return problems
  }
  static let maxManagerBytes = 128

  /// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == " " { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
    default: return true
    }
  }

  /// Who writes: the given name, or what the client calls itself before the first `/`. (`managerOrUserAgent`.)
  func manager(userAgent: String?) -> String {
    if !fieldManager.isEmpty { return fieldManager }
    var name = ""
    var count = 0
    for scalar in (userAgent ?? "").prefix(while: { $0 != "/" }).unicodeScalars where Self.isPrintable(scalar) {
      count += scalar.utf8.count
      if count > Self.maxManagerBytes { break }
      name.unicodeScalars.append(scalar)
    }
    return name
  }
}
