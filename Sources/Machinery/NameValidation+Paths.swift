extension NameValidation {
  /// What is wrong with a path behind a domain: `example.org/jobs`. (`validation.IsDomainPrefixedPath`)
  public static func domainPrefixedPath(_ field: String, _ text: String) -> [FieldError] {
    if text.isEmpty { return [.required(field, "")] }
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      return [.invalid(field, text, "must be a domain-prefixed path (such as \"acme.io/foo\")")]
    }
    let errors = dns1123Subdomain(parts[0]).map { FieldError.invalid(field, parts[0], $0) }
    func isOfPath(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
      default: "/-._~%!$&'()*+,;=:".utf8.contains(byte)
      }
    }
    if parts[1].utf8.allSatisfy(isOfPath) { return errors }
    return errors + [
      .invalid(field, parts[1], "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')")
    ]
  }
}
