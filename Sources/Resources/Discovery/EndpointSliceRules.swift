import JSON
import Machinery
import Registry

/// Rules for endpoint slices. (Kubernetes: pkg/apis/discovery/validation)
enum EndpointSliceRules {
  private static let addressTypes = ["FQDN", "IPv4", "IPv6"]

  static let all: [Rule] = [
    .metadata(.subdomain),
    .at("addressType", .required, .oneOf("FQDN", "IPv4", "IPv6")),
    .at("ports", .custom(ports)),
    .at("endpoints", .ratcheting(.custom(endpoints))),
    .onUpdate(.at("addressType", .immutable)),
  ]

  private static let ports: Rule.Function = { context in
    let ports = (context.value?.array ?? []).map { ObjectView($0) }
    if ports.count > 20_000 {
      return context.report(.tooMany(context.path(), count: ports.count, limit: 20_000))
    }
    var names = Set<ByteString>()
    for (place, port) in ports.enumerated() {
      let path = context.path(.index(place))
      let name = port.text("name")
      if !name.isEmpty {
        context.report(NameValidation.dns1123Label(name).map { .invalid("\(path).name", name, $0) })
      }
      if !names.insert(ByteString(name)).inserted {
        context.report(.duplicate("\(path).name", bare: GoText.quoted(name)))
      }
      EndpointPortRules.check(&context, port, path)
    }
  }

  private static let endpoints: Rule.Function = { context in
    let endpoints = (context.value?.array ?? []).map { ObjectView($0) }
    if endpoints.count > 1_000 {
      return context.report(.tooMany(context.path(), count: endpoints.count, limit: 1_000))
    }
    let type = context.object["addressType"]?.string ?? ""
    for (place, endpoint) in endpoints.enumerated() {
      let path = context.path(.index(place))
      let addresses = endpoint.texts("addresses")
      if addresses.isEmpty {
        context.report(.required("\(path).addresses", "must contain at least 1 address"))
      } else if addresses.count > 100 {
        context.report(.tooMany("\(path).addresses", count: addresses.count, limit: 100))
      }
      for (place, address) in addresses.enumerated() {
        context.report(problems(of: address, type, "\(path).addresses", place))
      }
      if let name = endpoint.given("nodeName")?.string {
        context.report(NameValidation.dns1123Subdomain(name).map { .invalid("\(path).nodeName", name, $0) })
      }
      if let name = endpoint.given("hostname")?.string {
        context.report(NameValidation.dns1123Label(name).map { .invalid("\(path).hostname", name, $0) })
      }
      if endpoint.given("hints") != nil { context.report(hints(endpoint.at("hints"), "\(path).hints")) }
    }
  }

  private static func problems(of address: String, _ type: String, _ list: String, _ place: Int) -> [FieldError] {
    let path = "\(list)[\(place)]"
    var errors: [FieldError]
    switch type {
    case "IPv4": errors = IPValidation.legacyAddress(path, address)
    case "IPv6": errors = IPValidation.address(path, address)
    case "FQDN": return TextFormat.fullyQualifiedProblem(path, address).map { [$0] } ?? []
    default: return []
    }
    guard errors.isEmpty, let read = IPAddress(address) else { return errors }
    if read.isIPv4 != (type == "IPv4") { errors.append(.invalid(list, address, "must be an \(type) address")) }
    return errors + EndpointAddressRules.special(path, address)
  }

  private static func hints(_ hints: ObjectView, _ path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (member, format) in [("forZones", TextFormat.labelValue), ("forNodes", .dns1123Subdomain)] {
      let names = hints.list(member).map { $0.text("name") }
      if names.count > 8 {
        errors.append(.tooMany("\(path).\(member)", count: names.count, limit: 8))
        return errors
      }
      for (place, name) in names.enumerated() {
        let path = "\(path).\(member)[\(place)].name"
        if names[..<place].contains(name) { errors.append(.duplicate(path, bare: GoText.quoted(name))) }
        errors += format.problems(name).map { .invalid(path, name, $0) }
      }
    }
    return errors
  }
}

/// What ports of endpoints and of slices have in common.
enum EndpointPortRules {
  static func check(_ context: inout RuleContext, _ port: ObjectView, _ path: String) {
    let name = port.text("protocol")
    if port.given("protocol") == nil || name.isEmpty && port.given("protocol")?.string == nil {
      context.report(.required("\(path).protocol", ""))
    } else if !["SCTP", "TCP", "UDP"].contains(name) {
      context.report(.notSupported("\(path).protocol", name, ["SCTP", "TCP", "UDP"]))
    }
    if let application = port.given("appProtocol")?.string {
      context.report(
        NameValidation.qualifiedName(application).map { .invalid("\(path).appProtocol", application, $0) })
    }
  }
}

/// Addresses that nobody can serve from. (`ValidateEndpointIP`)
enum EndpointAddressRules {
  static func special(_ path: String, _ text: String) -> [FieldError] {
    guard let address = IPAddress(text) else { return [.invalid(path, text, "must be a valid IP address")] }
    var problems: [String] = []
    if address.isUnspecified { problems.append("may not be unspecified (\(text))") }
    if address.isLoopback { problems.append("may not be in the loopback range (127.0.0.0/8, ::1/128)") }
    if address.isLinkLocalUnicast {
      problems.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    }
    if address.isLinkLocalMulticast {
      problems.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    }
    return problems.map { .invalid(path, text, $0) }
  }
}
