import JSON
import Machinery
import Registry

/// Rules for lists of conditions of the common type. (Kubernetes: apimachinery, `ValidateConditions`)
enum Conditions {
  static let rules = Rule.all([.custom(check)])

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

  /// (`ValidateCondition`)
  private static let one: Rule.Function = { context in
    func text(_ name: String) -> String { context.value?[name]?.string ?? "" }
    for problem in NameValidation.qualifiedName(text("type")) {
      context.report(.invalid(context.path("type"), text("type"), problem))
    }
    let status = text("status")
    if !["False", "True", "Unknown"].contains(status) {
      context.report(.notSupported(context.path("status"), named: .string(status), ["False", "True", "Unknown"]))
    }
    if let generation = context.value?["observedGeneration"]?.int, generation < 0 {
      let detail = "must be greater than or equal to zero"
      context.report(.invalid(context.path("observedGeneration"), bare: String(generation), detail))
    }
    if context.value?["lastTransitionTime"]?.string == nil {
      context.report(.required(context.path("lastTransitionTime"), ""))
    }
    let reason = text("reason")
    if reason.isEmpty {
      context.report(.required(context.path("reason"), ""))
    } else {
      if !isReason(reason) { context.report(.invalid(context.path("reason"), reason, reasonText)) }
      if reason.utf8.count > 1_024 { context.report(.tooLong(context.path("reason"), limit: 1_024)) }
    }
    if text("message").utf8.count > 32_768 { context.report(.tooLong(context.path("message"), limit: 32_768)) }
  }

  private static func isReason(_ text: String) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
    func isWord(_ byte: UInt8) -> Bool {
      isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }
    guard let first = text.utf8.first, let last = text.utf8.last, isLetter(first), isWord(last) else { return false }
    return text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ":") }
  }

  private static let reasonText =
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    + "characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
    + "'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
    + "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
}
