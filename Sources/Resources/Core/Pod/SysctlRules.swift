import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for kernel parameters. (Kubernetes: pkg/apis/core/validation, `validateSysctls`)
enum SysctlRules {
  static let check: Rule.Function = { context in
    guard case .array(let sysctls)? = context.value else { return }
    var names = Set<ByteString>()
    for (place, sysctl) in sysctls.enumerated() {
      let name = sysctl.string(at: "name")
      if name.isEmpty {
        context.needs(.index(place), "name")
      } else if !isGood(name) {
        context.refuses(name, text, at: .index(place), "name")
      } else if names.contains(ByteString(name)) {
        context.report(.duplicate(context.path(.index(place), "name"), bare: GoText.quoted(name)))
      }
      if let problem = hostProblem(name, context.pod.spec), !context.pod.mayHaveHostSysctls {
        context.refuses(name, problem, at: .index(place), "name")
      }
      names.insert(name)
    }
  }

  private static let text =
    "must have at most 253 characters and match regex "
    + "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"

  private static func isGood(_ name: String) -> Bool {
    func isPlain(_ byte: UInt8) -> Bool {
      byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
    if name.utf8.count > 253 { return false }
    let segments = name.utf8.split(omittingEmptySubsequences: false) {
      $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/")
    }
    return segments.allSatisfy { segment in
      guard let first = segment.first, let last = segment.last, isPlain(first), isPlain(last) else { return false }
      return segment.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }
  }

  /// What belongs to a namespace that the pod shares with its node can't be set; nil where nothing is wrong.
  /// (`ValidateHostSysctl`)
  static func hostProblem(_ name: String, _ spec: JSONValue) -> String? {
    // The kernel takes slashes as well, up to the first separator that is met.
    let separator = name.utf8.first { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
    let dotted =
      separator == UInt8(ascii: "/")
      ? String(
        decoding: name.utf8.map {
          $0 == UInt8(ascii: "/") ? UInt8(ascii: ".") : $0 == UInt8(ascii: ".") ? UInt8(ascii: "/") : $0
        }, as: UTF8.self) : name
    let isIPC =
      ["kernel.sem"].contains(dotted) || dotted.hasPrefix("kernel.shm") || dotted.hasPrefix("kernel.msg")
      || dotted.hasPrefix("fs.mqueue.")
    if spec.bool(at: "hostNetwork") && dotted.hasPrefix("net.") {
      return "may not be specified when 'hostNetwork' is true"
    }
    return spec.bool(at: "hostIPC") && isIPC ? "may not be specified when 'hostIPC' is true" : nil
  }
}
