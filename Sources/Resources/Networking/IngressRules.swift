import JSON
import Machinery
import Registry

/// Rules for ingresses. (Kubernetes: pkg/apis/networking/validation, `ValidateIngressCreate` and its siblings)
enum IngressRules {
  static let classAnnotation = "kubernetes.io/ingress.class"

  static let all: [Rule] = [
    .onUpdate(.metadataUpdate),
    .on(.main, .metadata(.subdomain), .at("spec", .custom(spec)), .onCreate(.custom(namesOneClass))),
    .on(.status, .at("status", .at("loadBalancer", .at("ingress", .custom(LoadBalancerRules.points))))),
  ]

  private static let namesOneClass: Rule.Function = { context in
    guard let given = context.value?["metadata"]?["annotations"]?[classAnnotation]?.string,
      let name = ObjectView(context.value?["spec"]).given("ingressClassName")?.string, given != name
    else { return }
    let path = context.path("annotations", .member(classAnnotation))
    context.report(.invalid(path, given, "must match `ingressClassName` when both are specified"))
  }

  private static let spec: Rule.Function = { context in
    let spec = ObjectView(context.value)
    let old = context.isUpdate ? ObjectView(context.old) : nil
    let path = context.path()
    if spec.count("rules") == 0 && spec.given("defaultBackend") == nil {
      let shown = (spec.given("rules") ?? context.emptied("rules") ?? .null).encoded().text
      context.report(.invalid(path, bare: shown, "either `defaultBackend` or `rules` must be specified"))
    }
    if let backend = spec.given("defaultBackend") {
      context.report(IngressBackend.problems("\(path).defaultBackend", ObjectView(backend)))
    }
    let sparesWildcards = old.map(hadBadWildcardRule) ?? false
    for (place, rule) in spec.list("rules").enumerated() {
      let path = "\(path).rules[\(place)]"
      let host = rule.text("host")
      context.report(hostProblems("\(path).host", host))
      if !host.contains("*") || !sparesWildcards { context.report(ruleProblems(path, rule)) }
    }
    let sparesSecrets = old.map { $0.list("tls").contains { !secretNameProblems($0).isEmpty } } ?? false
    for (place, tls) in spec.list("tls").enumerated() {
      let path = "\(path).tls[\(place)]"
      for (place, host) in tls.texts("hosts").enumerated() {
        let format = host.contains("*") ? TextFormat.wildcardSubdomain : .dns1123Subdomain
        context.report(format.problems(host).map { .invalid("\(path).hosts[\(place)]", host, $0) })
      }
      if sparesSecrets { continue }
      context.report(secretNameProblems(tls).map { .invalid("\(path).secretName", tls.text("secretName"), $0) })
    }
    if let name = spec.given("ingressClassName")?.string {
      context.report(NameValidation.dns1123Subdomain(name).map { .invalid("\(path).ingressClassName", name, $0) })
    }
  }

  private static func secretNameProblems(_ tls: ObjectView) -> [String] {
    let name = tls.text("secretName")
    return name.isEmpty ? [] : NameValidation.dns1123Subdomain(name)
  }

  /// Objects of old times may have had what is refused today; they may keep it.
  private static func hadBadWildcardRule(_ spec: ObjectView) -> Bool {
    spec.list("rules").contains { $0.text("host").contains("*") && !ruleProblems("", $0).isEmpty }
  }

  private static func hostProblems(_ path: String, _ host: String) -> [FieldError] {
    if host.isEmpty { return [] }
    let address: [FieldError] =
      IPAddress(host) == nil ? [] : [.invalid(path, host, "must be a DNS name, not an IP address")]
    let format = host.contains("*") ? TextFormat.wildcardSubdomain : .dns1123Subdomain
    return address + format.problems(host).map { .invalid(path, host, $0) }
  }

  private static func ruleProblems(_ path: String, _ rule: ObjectView) -> [FieldError] {
    guard let http = rule.given("http").map(ObjectView.init) else { return [] }
    if http.count("paths") == 0 { return [.required("\(path).http.paths", "")] }
    return http.list("paths").enumerated().flatMap { pathProblems("\(path).http.paths[\($0)]", $1) }
  }

  private static func pathProblems(_ path: String, _ entry: ObjectView) -> [FieldError] {
    guard let type = entry.given("pathType")?.string else {
      return [.required("\(path).pathType", "pathType must be specified")]
    }
    let (field, text) = ("\(path).path", entry.text("path"))
    var errors: [FieldError] = []
    func mustBeAbsolute() {
      if !text.hasPrefix("/") { errors.append(.invalid(field, text, "must be an absolute path")) }
    }
    switch type {
    case "Exact", "Prefix":
      mustBeAbsolute()
      for part in ["//", "/./", "/../", "%2f", "%2F"] where text.contains(part) {
        errors.append(.invalid(field, text, "must not contain '\(part)'"))
      }
      for end in ["/..", "/."] where text.hasSuffix(end) {
        errors.append(.invalid(field, text, "cannot end with '\(end)'"))
      }
    case "ImplementationSpecific":
      if !text.isEmpty { mustBeAbsolute() }
    default:
      errors.append(.notSupported("\(path).pathType", type, ["Exact", "ImplementationSpecific", "Prefix"]))
    }
    return errors + IngressBackend.problems("\(path).backend", entry.at("backend"))
  }
}

/// Where an ingress sends requests. (`validateIngressBackend`)
enum IngressBackend {
  static func problems(_ path: String, _ backend: ObjectView) -> [FieldError] {
    switch (backend.given("resource").map(ObjectView.init), backend.given("service").map(ObjectView.init)) {
    case (.some, .some): return [.invalid(path, "", "cannot set both resource and service backends")]
    case (let resource?, nil): return self.resource("\(path).resource", resource)
    case (nil, let service?): return self.service(path, service)
    case (nil, nil): return [.invalid(path, "", "resource or service backend is required")]
    }
  }

  private static func resource(_ path: String, _ resource: ObjectView) -> [FieldError] {
    var errors: [FieldError] = []
    if let group = resource.given("apiGroup")?.string {
      errors += NameValidation.dns1123Subdomain(group).map { .invalid("\(path).apiGroup", group, $0) }
    }
    for member in ["kind", "name"] {
      let text = resource.text(member)
      errors +=
        text.isEmpty
        ? [.required("\(path).\(member)", "")]
        : NameValidation.pathSegmentName(text).map { .invalid("\(path).\(member)", text, $0) }
    }
    return errors
  }

  private static func service(_ path: String, _ service: ObjectView) -> [FieldError] {
    let name = service.text("name")
    var errors: [FieldError] =
      name.isEmpty
      ? [.required("\(path).service.name", "")]
      : NameValidation.dns1123Label(name).map { .invalid("\(path).service.name", name, $0) }
    let (portName, number) = (service.at("port").text("name"), service.at("port").number("number"))
    switch (portName.isEmpty, number == 0) {
    case (false, false): errors.append(.invalid(path, "", "cannot set both port name & port number"))
    case (false, true):
      errors += PortRules.problems(ofName: portName).map { .invalid("\(path).service.port.name", portName, $0) }
    case (true, false):
      errors += PortRules.problems(ofNumber: number).map {
        .invalid("\(path).service.port.number", bare: String(number), $0)
      }
    case (true, true): errors.append(.required(path, "port name or number is required"))
    }
    return errors
  }
}

/// Where load balancers say that they take requests.
enum LoadBalancerRules {
  /// (`ValidateIngressLoadBalancerStatus`)
  static let points: Rule.Function = { context in
    let known = (context.old?.array ?? []).compactMap { $0["ip"]?.string }
    for (place, point) in (context.value?.array ?? []).enumerated() {
      let point = ObjectView(point)
      let address = point.text("ip")
      if !address.isEmpty {
        context.report(IPValidation.legacyAddress(context.path(.index(place), "ip"), address, known: known))
      }
      context.report(hostname(context.path(.index(place), "hostname"), point.text("hostname")))
    }
  }

  static func hostname(_ path: String, _ name: String) -> [FieldError] {
    if name.isEmpty { return [] }
    let address: [FieldError] =
      IPAddress(name) == nil ? [] : [.invalid(path, name, "must be a DNS name, not an IP address")]
    return NameValidation.dns1123Subdomain(name).map { .invalid(path, name, $0) } + address
  }
}

extension RuleContext {
  /// Notes complaints.
  mutating func report(_ errors: [FieldError]) {
    for error in errors { report(error) }
  }
}
