import JSON
import Machinery
import Registry

/// Rules for how a pod finds others, and is found.
enum DNSRules {
  /// Of a spec, as its policy may need a configuration. (`validatePodDNSConfig`)
  static let config: Rule.Function = { context in
    guard let spec = context.value else { return }
    let config = spec["dnsConfig"].flatMap { $0.isNull ? nil : $0 }
    if spec.string(at: "dnsPolicy") == "None" {
      guard let config else {
        return context.needs("dnsConfig", detail: "must provide `dnsConfig` when `dnsPolicy` is None")
      }
      if config.array(at: "nameservers").isEmpty {
        return context.needs(
          "dnsConfig", "nameservers",
          detail: "must provide at least one DNS nameserver when `dnsPolicy` is None")
      }
    }
    guard let config else { return }
    let servers = config.array(at: "nameservers")
    if servers.count > 3 {
      context.refuses(
        value: .array(servers), "must not have more than 3 nameservers", at: "dnsConfig", "nameservers")
    }
    for (place, server) in servers.enumerated() {
      let text = server.string ?? ""
      for error in IPValidation.legacyAddress("", text) {
        context.report(error.at(context.path("dnsConfig", "nameservers", .index(place))))
      }
    }
    searches(config.array(at: "searches"), &context)
    for (place, option) in config.array(at: "options").enumerated() where option.string(at: "name").isEmpty {
      context.needs("dnsConfig", "options", .index(place), detail: "must not be empty")
    }
  }

  private static func searches(_ searches: [JSONValue], _ context: inout RuleContext) {
    if searches.count > 32 {
      context.refuses(
        value: .array(searches), "must not have more than 32 search paths", at: "dnsConfig", "searches")
    }
    let length = searches.reduce(max(0, searches.count - 1)) { $0 + ($1.string ?? "").utf8.count }
    if length > 2048 {
      context.refuses(
        value: .array(searches), "must not have more than 2048 characters (including spaces) in the search list",
        at: "dnsConfig", "searches")
    }
    for (place, search) in searches.enumerated() {
      var text = search.string ?? ""
      if text == "." { continue }
      if text.hasSuffix(".") { text = String(text.dropLast()) }
      context.refuses(text, each: underscored(text), at: "dnsConfig", "searches", .index(place))
    }
  }

  /// A subdomain whose labels may have underscores. (`IsDNS1123SubdomainWithUnderscore`)
  private static func underscored(_ text: String) -> [String] {
    func isPlain(_ byte: UInt8) -> Bool {
      byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
    let isGood = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      let label = label.first == UInt8(ascii: "_") ? label.dropFirst() : label
      guard let first = label.first, let last = label.last, isPlain(first), isPlain(last) else { return false }
      return label.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }
    return (text.utf8.count > 253 ? ["must be no more than 253 characters"] : []) + (isGood ? [] : [underscoredText])
  }

  private static let underscoredText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
    + "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    + #"'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"#

  static let address: Rule.Function = { context in
    for error in IPValidation.legacyAddress("", context.value?.string ?? "") {
      context.report(error.at(context.path()))
    }
  }

  /// (`validatePodHostName`)
  static let hostnameOverride: Rule.Function = { context in
    guard let name = context.value?.string else { return }
    let spec = context.pod.spec
    if spec.bool(at: "setHostnameAsFQDN") {
      context.forbids(detail: "may not be specified when setHostnameAsFQDN is true")
    }
    if spec.bool(at: "hostNetwork") { context.forbids(detail: "may not be specified when hostNetwork is true") }
    if name.utf8.count > 64 { context.report(.tooLong(context.path(), limit: 64)) }
    context.refuses(name, each: NameValidation.dns1123Subdomain(name))
  }
}
