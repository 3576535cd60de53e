import JSON
import Machinery
import Registry

/// Rules for lists of conditions of the common type. (Kubernetes: `ValidateConditions` of apimachinery's
/// pkg/apis/meta/v1/validation)
enum Conditions {
  static let check: Rule.Function = { context in
    var seen = Set<ByteString>()
    for (place, condition) in (context.value?.array ?? []).enumerated() {
      let type = condition["type"]?.string ?? ""
      if !seen.insert(ByteString(type)).inserted {
        context.report(.duplicate(context.path(.index(place), "type"), bare: GoText.quoted(type)))
      }
      context.look(at: condition, .index(place), one)
    }
  }

  private static let one: Rule.Function = { context in
    func text(_ member: String) -> String { context.value?[member]?.string ?? "" }
    for problem in NameValidation.qualifiedName(text("type")) {
      context.report(.invalid(context.path("type"), text("type"), problem))
    }
    let status = text("status")
    let known = ["False", "True", "Unknown"]
    if !known.contains(status) {
      let error = FieldError.notSupported(context.path("status"), status, known)
      context.report(
        FieldError(error.kind, error.field, value: JSONValue.string(status).encoded().text, detail: error.detail))
    }
    if let generation = context.value?["observedGeneration"]?.int, generation < 0 {
      let detail = "must be greater than or equal to zero"
      context.report(.invalid(context.path("observedGeneration"), bare: "\(generation)", detail))
    }
    if context.value?["lastTransitionTime"]?.isNull ?? true {
      context.report(.required(context.path("lastTransitionTime"), ""))
    }
    reason(text("reason"), &context)
    if text("message").utf8.count > 32 << 10 { context.report(.tooLong(context.path("message"), limit: 32 << 10)) }
  }

  private static func reason(_ reason: String, _ context: inout RuleContext) {
    if reason.isEmpty { return context.report(.required(context.path("reason"), "")) }
    if !isReason(reason) {
      let detail =
        "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
        + "characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
        + "'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
        + "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
      context.report(.invalid(context.path("reason"), reason, detail))
    }
    if reason.utf8.count > 1 << 10 { context.report(.tooLong(context.path("reason"), limit: 1 << 10)) }
  }

  private static func isReason(_ text: String) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
    }
    func isWord(_ byte: UInt8) -> Bool {
      isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }
    guard let first = text.utf8.first, let last = text.utf8.last, isLetter(first), isWord(last) else { return false }
    return text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ":") }
  }
}
