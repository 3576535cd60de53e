import ByteBuffers
import JSON
import Machinery
import Registry

/// How drivers, pools, devices and their attributes are named. (Kubernetes: pkg/apis/resource/validation)
enum DeviceNames {
  /// Names with slashes between them. (`validatePoolName`)
  static let pool: [Rule] = [
    .required,
    .custom { context in
      let name = context.value?.string ?? ""
      if name.utf8.count > 253 { context.report(.tooLong(context.path(), limit: 253)) }
      for part in name.split(separator: "/", omittingEmptySubsequences: false).map(String.init) {
        for problem in NameValidation.dns1123Subdomain(part) { context.invalid(part, problem) }
      }
    },
  ]

  /// `model`, `gpu.example.org/model`. (`validateQualifiedName`)
  static let qualified: Rule.Function = { context in
    let parts = split(context.value?.string ?? "")
    switch parts.count {
    case 1: identifier(parts[0], &context)
    case 2:
      if parts[0].isEmpty {
        context.invalid("", "the domain must not be empty")
      } else {
        for error in CSIDriverName.errors(context.path(), parts[0]) { context.report(error) }
      }
      if parts[1].isEmpty { context.invalid("", "the name must not be empty") } else { identifier(parts[1], &context) }
    // Upstream lets more pass.
    default: break
    }
  }

  /// With a domain. (`validateFullyQualifiedName`)
  static let fullyQualified: Rule.Function = { context in
    qualified(&context)
    let name = context.value?.string ?? ""
    guard split(name).count == 1 else { return }
    // It has a type of its own in Go.
    context.report(
      .invalid(
        context.path(), bare: JSONValue.string(name).encoded().text,
        "a fully qualified name must be a domain and a name separated by a slash"))
  }

  private static func split(_ name: String) -> [String] {
    name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  private static func identifier(_ name: String, _ context: inout RuleContext) {
    if name.utf8.count > 32 { context.report(.tooLong(context.path(), limit: 32)) }
    for problem in NameValidation.cIdentifier(name) { context.invalid(name, problem) }
  }

  /// A share of a device. (`validateUID`, with the words of Go's `uuid.Validate`)
  static let uid: Rule.Function = { context in
    let text = context.value?.string ?? ""
    let bytes = Array(text.utf8)
    func isForm(_ part: ArraySlice<UInt8>) -> Bool {
      let part = Array(part)
      return part.count == 36 && TextFormat.uuid.problems(String(decoding: part, as: UTF8.self).lowercased()).isEmpty
    }
    let why: String? =
      switch bytes.count {
      case 36: isForm(bytes[...]) ? nil : "invalid UUID format"
      case 45:
        String(decoding: bytes[..<9], as: UTF8.self).lowercased() != "urn:uuid:"
          ? "invalid urn prefix: \(GoText.quoted(String(decoding: bytes[..<9], as: UTF8.self)))"
          : isForm(bytes[9...]) ? nil : "invalid UUID format"
      case 38:
        bytes.first != UInt8(ascii: "{") || bytes.last != UInt8(ascii: "}")
          ? "invalid bracketed UUID format" : isForm(bytes[1..<37]) ? nil : "invalid UUID format"
      case 32: bytes.allSatisfy(isHexDigit) ? nil : "invalid UUID format"
      default: "invalid UUID length: \(bytes.count)"
      }
    if let why { return context.invalid(text, "error validating uid: \(why)") }
    if bytes.count != 36 || text != text.lowercased() {
      context.invalid(
        text,
        "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal "
          + "characters")
    }
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  /// No element of a list may have the value of an earlier one in this member; said once all have been looked at.
  /// (`validateSet`)
  static func distinct(by member: String) -> Rule { .custom { complainOfRepeated(by: member, &$0) } }

  static func complainOfRepeated(by member: String, _ context: inout RuleContext) {
    complainOfRepeated(&context) { $0[member] ?? "" }
  }

  /// The same by what `key` makes of an element, which is shown as well.
  static func complainOfRepeated(_ context: inout RuleContext, _ key: (JSONValue) -> JSONValue) {
    var seen = Set<JSONText>()
    for (place, element) in (context.value?.array ?? []).enumerated() {
      let key = key(element)
      if seen.insert(JSONText(bytes: ByteSlice(key.encoded()))).inserted { continue }
      context.report(.duplicate(context.path(.index(place)), bare: key.encoded().text))
    }
  }
}
