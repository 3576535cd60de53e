import ByteBuffers
import CEL
import ConfigurationFiles
import JSON
import Machinery

/// How an entry of `jwt` in the AuthenticationConfiguration file is read. (apiserver `apis/apiserver/validation`.)
extension JWTIssuer {
  private typealias Problem = ConfigurationProblem

  /// Reads an entry of `jwt`. Throws the first thing that is wrong with it, in kube-apiserver's words where it has
  /// some.
  init(_ tree: JSONValue, at path: String) throws(ConfigurationProblem) {
    try ConfigurationTree.check(tree, path, ["issuer", "claimValidationRules", "claimMappings", "userValidationRules"])
    let issuer = tree["issuer"] ?? [:]
    try ConfigurationTree.check(
      issuer, "\(path).issuer",
      ["url", "discoveryURL", "certificateAuthority", "audiences", "audienceMatchPolicy", "egressSelectorType"])
    let url = issuer["url"]?.string ?? ""
    if url.isEmpty { throw Problem(.required("\(path).issuer.url", "")) }
    try Self.checkURL(url, "\(path).issuer.url")
    if let selector = issuer["egressSelectorType"]?.string, !selector.isEmpty {
      throw Problem(description: "\(path).issuer.egressSelectorType is not served: leave it out")
    }
    let audiences = try Self.strings(issuer["audiences"], "\(path).issuer.audiences")
    if audiences.isEmpty {
      throw Problem(.required("\(path).issuer.audiences", "at least one \(path).issuer.audiences is required"))
    }
    for (place, audience) in audiences.enumerated() {
      if audience.isEmpty { throw Problem(.required("\(path).issuer.audiences[\(place)]", "")) }
      if audiences[..<place].contains(audience) {
        throw Problem(.duplicate("\(path).issuer.audiences[\(place)]", bare: GoText.quoted(audience)))
      }
    }
    let policy = issuer["audienceMatchPolicy"]?.string ?? ""
    if policy != "MatchAny" && (audiences.count > 1 || !policy.isEmpty) {
      let rule =
        audiences.count > 1
        ? "audienceMatchPolicy must be MatchAny for multiple audiences"
        : "audienceMatchPolicy must be empty or MatchAny for single audience"
      throw Problem(.invalid("\(path).issuer.audienceMatchPolicy", policy, rule))
    }

    let mappings = tree["claimMappings"] ?? [:]
    try ConfigurationTree.check(mappings, "\(path).claimMappings", ["username", "groups", "uid", "extra"])
    guard let username = try Self.mapping(mappings["username"], "\(path).claimMappings.username") else {
      throw Problem(.required("\(path).claimMappings.username", "claim or expression is required"))
    }
    self.init(url: url, audiences: audiences, username: username)
    groups = try Self.mapping(mappings["groups"], "\(path).claimMappings.groups")
    if let uid = mappings["uid"], !uid.isNull {
      try ConfigurationTree.check(uid, "\(path).claimMappings.uid", ["claim", "expression"])
      let (claim, text) = (uid["claim"]?.string ?? "", uid["expression"]?.string ?? "")
      if !claim.isEmpty && !text.isEmpty {
        throw Problem(.invalid("\(path).claimMappings.uid", "", "claim and expression can't both be set"))
      }
      self.uid =
        !text.isEmpty
        ? .expression(try Self.expression(text, "\(path).claimMappings.uid.expression"))
        : claim.isEmpty ? nil : .claim(claim)
    }
    extra = try Self.extra(mappings["extra"], "\(path).claimMappings.extra")
    if let place = issuer["discoveryURL"]?.string, !place.isEmpty {
      func bare(_ url: String) -> [UInt8] { Array(url.utf8.reversed().drop { $0 == UInt8(ascii: "/") }) }
      if bare(place) == bare(url) {
        throw Problem(.invalid("\(path).issuer.discoveryURL", place, "discoveryURL must be different from URL"))
      }
      try Self.checkURL(place, "\(path).issuer.discoveryURL")
      discovery = place
    }
    certificateAuthority = issuer["certificateAuthority"]?.string ?? ""
    if !certificateAuthority.isEmpty && !certificateAuthority.contains("-----BEGIN CERTIFICATE-----") {
      throw Problem(
        .invalid(
          "\(path).issuer.certificateAuthority", "<omitted>",
          "data does not contain any valid RSA or ECDSA certificates"))
    }
    for (place, rule) in try ConfigurationTree.items(tree["claimValidationRules"], "\(path).claimValidationRules")
      .enumerated()
    {
      let at = "\(path).claimValidationRules[\(place)]"
      try ConfigurationTree.check(rule, at, ["claim", "requiredValue", "expression", "message"])
      let (claim, text) = (rule["claim"]?.string ?? "", rule["expression"]?.string ?? "")
      if claim.isEmpty && text.isEmpty { throw Problem(.required(at, "claim or expression is required")) }
      if !claim.isEmpty && !text.isEmpty {
        throw Problem(.invalid(at, claim, "claim and expression can't both be set"))
      }
      if !text.isEmpty {
        if let value = rule["requiredValue"]?.string, !value.isEmpty {
          throw Problem(.invalid("\(at).requiredValue", value, "may not be specified when expression is set"))
        }
        if claimRules.contains(where: { $0.expression.text == text }) {
          throw Problem(.duplicate("\(at).expression", bare: GoText.quoted(text)))
        }
        claimRules.append(
          Rule(expression: try Self.expression(text, "\(at).expression"), message: rule["message"]?.string ?? ""))
        continue
      }
      if let message = rule["message"]?.string, !message.isEmpty {
        throw Problem(.invalid("\(at).message", message, "may not be specified when claim is set"))
      }
      if requiredClaims[claim] != nil { throw Problem(.duplicate("\(at).claim", bare: GoText.quoted(claim))) }
      requiredClaims[claim] = rule["requiredValue"]?.string ?? ""
    }
    userRules = try Self.userRules(tree["userValidationRules"], "\(path).userValidationRules")
    // An address that nobody has verified must not pass for a name.
    let looks = extra.map(\.expression) + claimRules.map(\.expression)
    if case .expression(let name) = self.username, name.reads("claims", "email"),
      !([name] + looks).contains(where: { $0.reads("claims", "email_verified") })
    {
      throw Problem(
        .invalid(
          "\(path).claimMappings.username.expression", name.text,
          "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
        ))
    }
  }

  private static func expression(
    _ text: String, _ path: String, about variable: String = "claims"
  ) throws(ConfigurationProblem) -> CELExpression {
    do throws(CELError) { return try CELExpression(text, variables: [variable]) } catch {
      throw Problem(.invalid(path, text, "compilation failed: \(error)"))
    }
  }

  private static func userRules(_ list: JSONValue?, _ path: String) throws(ConfigurationProblem) -> [Rule] {
    var rules: [Rule] = []
    for (place, rule) in try ConfigurationTree.items(list, path).enumerated() {
      let at = "\(path)[\(place)]"
      try ConfigurationTree.check(rule, at, ["expression", "message"])
      guard let text = rule["expression"]?.string, !text.isEmpty else {
        throw Problem(.required("\(at).expression", ""))
      }
      if rules.contains(where: { $0.expression.text == text }) {
        throw Problem(.duplicate("\(at).expression", bare: GoText.quoted(text)))
      }
      rules.append(
        Rule(
          expression: try expression(text, "\(at).expression", about: "user"), message: rule["message"]?.string ?? ""))
    }
    return rules
  }

  private static func extra(_ list: JSONValue?, _ path: String) throws(ConfigurationProblem) -> [Extra] {
    var all: [Extra] = []
    for (place, entry) in try ConfigurationTree.items(list, path).enumerated() {
      let at = "\(path)[\(place)]"
      try ConfigurationTree.check(entry, at, ["key", "valueExpression"])
      let key = entry["key"]?.string ?? ""
      if key.isEmpty { throw Problem(.required("\(at).key", "")) }
      let parts = key.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, NameValidation.dns1123Subdomain(String(parts[0])).isEmpty, !parts[1].isEmpty else {
        throw Problem(.invalid("\(at).key", key, "must be a domain-prefixed path (such as \"acme.io/foo\")"))
      }
      if key != key.lowercased() { throw Problem(.invalid("\(at).key", key, "must be lowercase")) }
      for reserved in ["k8s.io", "kubernetes.io"] where parts[0] == reserved || parts[0].hasSuffix(".\(reserved)") {
        throw Problem(
          .invalid("\(at).key", key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"))
      }
      if all.contains(where: { $0.key == key }) { throw Problem(.duplicate("\(at).key", bare: GoText.quoted(key))) }
      guard let text = entry["valueExpression"]?.string, !text.isEmpty else {
        throw Problem(.required("\(at).valueExpression", ""))
      }
      all.append(Extra(key: key, expression: try expression(text, "\(at).valueExpression")))
    }
    return all
  }

  private static func strings(_ value: JSONValue?, _ path: String) throws(ConfigurationProblem) -> [String] {
    guard let value, !value.isNull else { return [] }
    let texts = value.array?.compactMap(\.string)
    guard let texts, texts.count == value.array?.count else {
      throw Problem(description: "\(path): it must be a list of strings")
    }
    return texts
  }

  /// nil where nothing is said.
  private static func mapping(_ tree: JSONValue?, _ path: String) throws(ConfigurationProblem) -> Mapping? {
    guard let tree, !tree.isNull else { return nil }
    try ConfigurationTree.check(tree, path, ["claim", "prefix", "expression"])
    let claim = tree["claim"]?.string ?? ""
    let prefix = tree["prefix"]?.string
    if let text = tree["expression"]?.string, !text.isEmpty {
      if !claim.isEmpty { throw Problem(.invalid(path, "", "claim and expression can't both be set")) }
      if prefix != nil {
        throw Problem(.invalid("\(path).prefix", prefix ?? "", "prefix is not supported when expression is set"))
      }
      return .expression(try expression(text, "\(path).expression"))
    }
    if claim.isEmpty {
      if prefix != nil {
        throw Problem(.invalid("\(path).prefix", prefix ?? "", "prefix is not supported when claim is not set"))
      }
      return nil
    }
    guard let prefix else {
      throw Problem(
        .required(
          "\(path).prefix",
          "prefix is required when claim is set. It can be set to an empty string to disable prefixing"))
    }
    return .claim(claim, prefix: prefix)
  }

  /// (`validateURL`)
  private static func checkURL(_ url: String, _ path: String) throws(ConfigurationProblem) {
    if !url.hasPrefix("https://") { throw Problem(.invalid(path, url, "URL scheme must be https")) }
    let host = url.dropFirst(8).unicodeScalars.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if host.contains("@") { throw Problem(.invalid(path, url, "URL must not contain a username or password")) }
    if url.contains("#") { throw Problem(.invalid(path, url, "URL must not contain a fragment")) }
    if url.contains("?") { throw Problem(.invalid(path, url, "URL must not contain a query")) }
  }
}
