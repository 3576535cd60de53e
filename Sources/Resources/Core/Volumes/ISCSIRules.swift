import JSON
import Machinery
import Registry

/// Rules for volumes that are reached by iSCSI. (Kubernetes: `validateISCSIVolumeSource` and its sibling of
/// pkg/apis/core/validation)
enum ISCSIRules {
  /// In a pod.
  static let inPod: [Rule] =
    [.at("targetPortal", .required)] + common("must be valid format starting with iqn, eui, or naa") + [initiatorInPod]

  /// Of a persistent volume, whose name counts where an initiator is named. `isInline`: it has none.
  static func persistent(isInline: Bool) -> [Rule] {
    [
      .at("targetPortal", .required),
      .custom { context in
        guard context.value?["initiatorName"]?.string != nil else { return }
        let portal = context.value?["targetPortal"]?.string ?? ""
        let name = isInline ? "" : context.object["metadata"]?["name"]?.string ?? ""
        if isTooLong(volume: name, portal) {
          context.report(.invalid(context.path("targetportal"), portal, tooLong))
        }
      },
    ] + common("must be valid format") + [.at("secretRef", .at("name", .required)), initiator]
  }

  /// Is the name too long that a machine would give to the initiator?
  static func isTooLong(volume name: String, _ portal: String) -> Bool { name.utf8.count + 1 + portal.utf8.count > 64 }

  static let tooLong =
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."

  private static func common(_ unknownForm: String) -> [Rule] {
    [
      .at("iqn", .required, .custom { name($0.value?.string ?? "", unknownForm, &$0) }),
      .at("lun", .between(0, 255)),
      .custom { context in
        let needsSecret = ["chapAuthDiscovery", "chapAuthSession"].contains { context.value?[$0]?.bool == true }
        if needsSecret, context.value?["secretRef"]?.object == nil {
          context.report(.required(context.path("secretRef"), ""))
        }
      },
    ]
  }

  private static let initiator = initiator("must be valid format")
  private static let initiatorInPod = initiator("must be valid format starting with iqn, eui, or naa")

  /// Complaints write the member otherwise than the type does.
  private static func initiator(_ unknownForm: String) -> Rule {
    .custom { context in
      guard let given = context.value?["initiatorName"], let text = given.string else { return }
      context.look(at: given, "initiatorname") { name(text, unknownForm, &$0) }
    }
  }

  // MARK: names

  private static func name(_ name: String, _ unknownForm: String, _ context: inout RuleContext) {
    if let isGood = isGood(name) {
      if !isGood { context.invalid(name, "must be valid format") }
    } else {
      context.invalid(name, unknownForm)
    }
  }

  /// nil: of no form that is known.
  static func isGood(_ name: String) -> Bool? {
    switch name.utf8.prefix(3).map({ $0 }) {
    case Array("iqn".utf8): isQualified(Array(name.utf8))
    case Array("eui".utf8): isIdentifier(name, length: 16)
    case Array("naa".utf8): isIdentifier(name, length: 32)
    default: nil
    }
  }

  /// `iqn.2003-01.org.example:disk`. Upstream's expression does not say where it has to begin.
  private static func isQualified(_ bytes: [UInt8]) -> Bool {
    let start = Array("iqn.".utf8)
    guard bytes.count >= start.count else { return false }
    return (0...(bytes.count - start.count)).contains { place in
      bytes[place...].starts(with: start) && isDated(bytes[(place + start.count)...])
    }
  }

  private static func isDated(_ rest: ArraySlice<UInt8>) -> Bool {
    let date = Array("0000-00.".utf8)
    guard rest.count > date.count else { return false }
    let isGood = zip(rest, date).allSatisfy { $1 == UInt8(ascii: "0") ? isDigit($0) : $0 == $1 }
    let owner = rest.dropFirst(date.count)
    let end = owner.firstIndex { !isAlphanumeric($0) && $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ".") }
    guard isGood, let end, end > owner.startIndex, owner[end] == UInt8(ascii: ":") else { return false }
    let own = owner[(end + 1)...]
    return !own.isEmpty && !own.contains { Array(",;*&$| \t\n\r\u{c}".utf8).contains($0) }
  }

  /// `eui.02004567A425678D`; any character may stand for the dot.
  private static func isIdentifier(_ name: String, length: Int) -> Bool {
    let rest = name.unicodeScalars.dropFirst(3)
    guard let first = rest.first, first != "\n" else { return false }
    let digits = rest.dropFirst()
    return digits.count == length
      && digits.allSatisfy { $0.isASCII && isAlphanumeric(UInt8(truncatingIfNeeded: $0.value)) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}
