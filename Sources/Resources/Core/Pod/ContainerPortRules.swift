import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for the ports of a container. (Kubernetes: `validateContainerPorts`)
enum ContainerPortRules {
  static let check: Rule.Function = { context in
    guard case .array(let ports)? = context.value else { return }
    var names: [String] = []
    var many = Set<ByteString>()
    for (place, port) in ports.enumerated() {
      let name = port.string(at: "name")
      if !name.isEmpty {
        let problems = nameProblems(name)
        if !problems.isEmpty {
          context.refuses(name, each: problems, at: .index(place), "name")
        } else if ports.count > 1, !many.insert(name).inserted {
          context.report(.duplicate(context.path(.index(place), "name"), bare: GoText.quoted(name)))
        }
      }
      let number = port.int(at: "containerPort")
      if number == 0 {
        context.needs(.index(place), "containerPort")
      } else if !isNumber(number) {
        context.refuses(value: .int(number), numberText, at: .index(place), "containerPort")
      }
      let hostPort = port.int(at: "hostPort")
      if hostPort != 0 && !isNumber(hostPort) {
        context.refuses(value: .int(hostPort), numberText, at: .index(place), "hostPort")
      }
      switch port.string(at: "protocol") {
      case "TCP", "UDP", "SCTP": break
      case "": context.needs(.index(place), "protocol")
      case let other: context.knowsOnly(["SCTP", "TCP", "UDP"], not: other, at: .index(place), "protocol")
      }
    }
  }

  static func isNumber(_ port: Int64) -> Bool { port >= 1 && port <= 65535 }
  static let numberText = "must be between 1 and 65535, inclusive"

  /// (`IsValidPortName`)
  static func nameProblems(_ name: String) -> [String] {
    func isLetter(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    let dash = UInt8(ascii: "-")
    let bytes = name.utf8
    var problems: [String] = []
    if bytes.count > 15 { problems.append("must be no more than 15 characters") }
    if bytes.isEmpty || !bytes.allSatisfy({ isLetter($0) || isDigit($0) || $0 == dash }) {
      problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    }
    if !bytes.contains(where: isLetter) { problems.append("must contain at least one letter (a-z)") }
    if zip(bytes, bytes.dropFirst()).contains(where: { $0 == dash && $1 == dash }) {
      problems.append("must not contain consecutive hyphens")
    }
    if bytes.first == dash || bytes.last == dash { problems.append("must not begin or end with a hyphen") }
    return problems
  }

  /// A port by its number or its name. (`ValidatePortNumOrName`)
  static let numberOrName: Rule.Function = { context in
    switch context.value {
    case .int(let number)?:
      if !isNumber(number) { context.refuses(value: .int(number), numberText) }
    case .string(let name)?: context.refuses(name, each: nameProblems(name))
    default: break
    }
  }
}
