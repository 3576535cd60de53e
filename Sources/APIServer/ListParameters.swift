import Machinery

/// The query of a LIST, WATCH or deletecollection. (`metainternalversion.ListOptions`.)
struct ListParameters: Sendable {
  var labelSelector = LabelSelector.everything
  var fieldSelector = FieldSelector.everything
  var watch = false
  var allowWatchBookmarks = false
  var resourceVersion = ""
  var resourceVersionMatch = ""
  var timeoutSeconds: Int64?
  var limit: Int64 = 0
  var continueToken = ""
  var sendInitialEvents: Bool?

  init() {}

  /// Decodes as Go's parameter codec does: numbers before selectors, so that the message of the first bad one is the same.
  init(_ query: Query) throws(Status) {
    if query.isEmpty { return }
    let labels = query["labelSelector"] ?? ""
    let fields = query["fieldSelector"] ?? ""
    watch = ParameterText.bool(query["watch"]) ?? false
    allowWatchBookmarks = ParameterText.bool(query["allowWatchBookmarks"]) ?? false
    resourceVersion = query["resourceVersion"] ?? ""
    resourceVersionMatch = query["resourceVersionMatch"] ?? ""
    timeoutSeconds = try ParameterText.int64(query["timeoutSeconds"])
    limit = try ParameterText.int64(query["limit"]) ?? 0
    continueToken = query["continue"] ?? ""
    sendInitialEvents = ParameterText.bool(query["sendInitialEvents"])
    do throws(SelectorError) {
      if !labels.isEmpty { labelSelector = try LabelSelector.parse(labels) }
      if !fields.isEmpty { fieldSelector = try FieldSelector.parse(fields) }
    } catch {
      throw Status.badRequest(error.description)
    }
  }

  /// What may not stand together. (`ValidateListOptions`.)
  func validate() throws(Status) {
    let problems = watch ? watchProblems : listProblems
    if !problems.isEmpty { throw Status.invalid("ListOptions", group: "meta.k8s.io", name: "", problems) }
  }

  private var listProblems: [FieldError] {
    var problems: [FieldError] = []
    let match = resourceVersionMatch
    let field = "resourceVersionMatch"
    if !match.isEmpty {
      if resourceVersion.isEmpty { problems.append(.forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided")) }
      if !continueToken.isEmpty { problems.append(.forbidden(field, "resourceVersionMatch is forbidden when continue is provided")) }
      if match != "Exact" && match != "NotOlderThan" { problems.append(.notSupported(field, match, ["Exact", "NotOlderThan", ""])) }
      if match == "Exact" && resourceVersion == "0" {
        problems.append(.forbidden(field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
      }
    }
    if sendInitialEvents != nil { problems.append(.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")) }
    return problems
  }

  private var watchProblems: [FieldError] {
    var problems: [FieldError] = []
    let match = resourceVersionMatch
    let field = "resourceVersionMatch"
    if sendInitialEvents != nil && match != "NotOlderThan" {
      problems.append(.forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    }
    if !match.isEmpty {
      if sendInitialEvents == nil {
        problems.append(.forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
      }
      if match != "NotOlderThan" { problems.append(.notSupported(field, match, ["NotOlderThan"])) }
      if !continueToken.isEmpty { problems.append(.forbidden(field, "resourceVersionMatch is forbidden when continue is provided")) }
    }
    return problems
  }
}

/// Single parameters as Go's conversions read them. (apimachinery `runtime/converter.go` and `strconv`.)
enum ParameterText {
  /// Only absence, `false` and `0` are false; an empty value is true.
  static func bool(_ text: String?) -> Bool? {
    guard let text else { return nil }
    return !(text == "0" || text.lowercased() == "false")
  }

  /// A decimal number; nil when absent.
  static func int64(_ text: String?) throws(Status) -> Int64? {
    guard let text else { return nil }
    let digits = text.utf8.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } == true ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
      throw Status.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): invalid syntax")
    }
    guard let number = Int64(text) else {
      throw Status.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): value out of range")
    }
    return number
  }
}
