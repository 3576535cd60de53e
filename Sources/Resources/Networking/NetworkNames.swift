import Machinery
import Registry

extension TextFormat {
  /// `*.example.com` (`IsWildcardDNS1123Subdomain`)
  static let wildcardSubdomain = TextFormat { text in
    var problems = text.utf8.count > 253 ? ["must be no more than 253 characters"] : []
    if !text.hasPrefix("*.") || !isShapedAsSubdomain(String(text.dropFirst(2))) { problems.append(wildcardText) }
    return problems
  }

  private static let wildcardText =
    #"a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower "#
    + #"case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used "#
    + #"for validation is '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#

  /// As a subdomain is written, however long.
  private static func isShapedAsSubdomain(_ text: String) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      let bytes = Array(label.utf8)
      guard let first = bytes.first, let last = bytes.last, first != UInt8(ascii: "-"), last != UInt8(ascii: "-")
      else { return false }
      return bytes.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
    }
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
  }

  /// Two labels at least, with or without a dot at the end. The first problem alone is told, of the part that has it.
  /// (`IsFullyQualifiedDomainName`)
  static func fullyQualifiedProblem(_ field: String, _ text: String) -> FieldError? {
    if text.isEmpty { return .required(field, "") }
    let name = text.hasSuffix(".") ? String(text.dropLast()) : text
    let problems = NameValidation.dns1123Subdomain(name)
    if !problems.isEmpty { return .invalid(field, name, problems.joined(separator: ",")) }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if labels.count < 2 {
      return .invalid(field, name, "should be a domain with at least two segments separated by dots")
    }
    for label in labels {
      let problems = NameValidation.dns1123Label(label)
      if !problems.isEmpty { return .invalid(field, label, problems.joined(separator: ",")) }
    }
    return nil
  }

  /// `example.com/path` (`IsDomainPrefixedPath`)
  static func domainPrefixedPathProblems(_ field: String, _ text: String) -> [FieldError] {
    if text.isEmpty { return [.required(field, "")] }
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      return [.invalid(field, text, #"must be a domain-prefixed path (such as "acme.io/foo")"#)]
    }
    var errors = NameValidation.dns1123Subdomain(parts[0]).map { FieldError.invalid(field, parts[0], $0) }
    if !parts[1].utf8.allSatisfy(isPathByte) {
      errors.append(
        .invalid(
          field, parts[1], #"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')"#))
    }
    return errors
  }

  private static func isPathByte(_ byte: UInt8) -> Bool {
    isLowerOrDigit(byte) || (0x41...0x5A).contains(byte) || "/-._~%!$&'()*+,;=:".utf8.contains(byte)
  }
}

/// Rules for numbers and names of ports.
enum PortRules {
  /// (`IsValidPortNum`)
  static func problems(ofNumber number: Int64) -> [String] {
    (1...65_535).contains(number) ? [] : ["must be between 1 and 65535, inclusive"]
  }

  /// (`IsValidPortName`)
  static func problems(ofName name: String) -> [String] {
    var problems: [String] = []
    let bytes = Array(name.utf8)
    let dash = UInt8(ascii: "-")
    if bytes.count > 15 { problems.append("must be no more than 15 characters") }
    if bytes.isEmpty || !bytes.allSatisfy({ $0 == dash || (0x30...0x39).contains($0) || isLetter($0) }) {
      problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    }
    if !bytes.contains(where: isLetter) { problems.append("must contain at least one letter (a-z)") }
    if zip(bytes, bytes.dropFirst()).contains(where: { $0 == dash && $1 == dash }) {
      problems.append("must not contain consecutive hyphens")
    }
    if bytes.first == dash || bytes.last == dash { problems.append("must not begin or end with a hyphen") }
    return problems
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
}
