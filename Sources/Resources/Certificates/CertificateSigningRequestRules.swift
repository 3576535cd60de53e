import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for requests for certificates. (Kubernetes: pkg/apis/certificates/validation)
///
/// What was wrong before is let through on an update: nobody who decides or signs could mend it.
enum CertificateSigningRequestRules {
  /// Through which requests are granted or denied.
  static let approval = Subresource("approval")

  static let all: [Rule] = [
    .metadata(NameForm { _, _ in [] }),
    .custom(request),
    .at(
      "spec",
      .at("usages", .custom(usages)),
      .at("signerName", .custom(signerName)),
      .at("expirationSeconds", .custom(expiration))),
    .at("status", .at("conditions", .custom(conditions))),
    .custom(certificate),
    .onUpdate(.custom(keepsDecisions), .metadataUpdate),
  ]

  private static func bytes(_ value: JSONValue?) -> [UInt8] {
    CertificateRequest.bytes(base64: value?.string ?? "")
  }

  private static let request: Rule.Function = { context in
    let given = context.value?["spec"]?["request"]
    do throws(CertificateFault) {
      try CertificateRequest(pem: bytes(given)).checkSignature()
    } catch {
      context.report(
        .invalid(context.path("spec", "request"), bare: (given ?? .null).encoded().text, error.description))
    }
  }

  private static let knownUsages = [
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping",
  ]

  private static let usages: Rule.Function = { context in
    let usages = (context.value?.array ?? []).map { $0.string ?? "" }
    let before = (context.oldObject?["spec"]?["usages"]?.array ?? []).map { $0.string ?? "" }
    if usages.isEmpty { context.report(.required(context.path(), "")) }
    if before.allSatisfy(knownUsages.contains) {
      for (place, usage) in usages.enumerated() where !knownUsages.contains(usage) {
        context.report(.notSupported(context.path(.index(place)), named: .string(usage), knownUsages))
      }
    }
    if repeated(before).isEmpty {
      for place in repeated(usages) {
        context.report(.duplicate(context.path(.index(place)), bare: shown(usages[place])))
      }
    }
  }

  /// As Go shows a text that has a type of its own.
  private static func shown(_ text: String) -> String { JSONValue.string(text).encoded().text }

  /// Where a text stands that stood before.
  private static func repeated(_ texts: [String]) -> [Int] {
    var seen = Set<ByteString>()
    return texts.indices.filter { !seen.insert(ByteString(texts[$0])).inserted }
  }

  private static let legacySigner = "kubernetes.io/legacy-unknown"

  private static let signerName: Rule.Function = { context in
    let name = context.value?.string ?? ""
    if name == legacySigner && context.oldObject?["spec"]?["signerName"]?.string != legacySigner {
      return context.invalid(name, "the legacy signerName is not allowed via this API version")
    }
    SignerName.check(name, &context)
  }

  private static let expiration: Rule.Function = { context in
    guard let seconds = context.value?.int, seconds < 600 else { return }
    let detail = "may not specify a duration less than 600 seconds (10 minutes)"
    context.report(.invalid(context.path(), bare: "\(seconds)", detail))
  }

  // MARK: status

  private static func types(_ object: JSONValue?) -> [String] {
    (object?["status"]?["conditions"]?.array ?? []).map { $0["type"]?.string ?? "" }
  }

  /// (`validateConditions`)
  private static let conditions: Rule.Function = { context in
    let before = types(context.oldObject)
    let mayBeBoth = before.contains("Approved") && before.contains("Denied")
    let mayRepeat = !repeated(before).isEmpty
    let mayBeNameless = before.contains("")
    var (isApproved, isDenied) = (false, false)
    var seen = Set<ByteString>()
    for (place, condition) in (context.value?.array ?? []).enumerated() {
      let type = condition["type"]?.string ?? ""
      if type.isEmpty && !mayBeNameless { context.report(.required(context.path(.index(place), "type"), "")) }
      let status = condition["status"]?.string ?? ""
      let isPlain = ["Approved", "Denied", "Failed"].contains(type)
      let allowed = isPlain ? ["True"] : ["False", "True", "Unknown"]
      if status.isEmpty {
        context.report(.required(context.path(.index(place), "status"), ""))
      } else if !allowed.contains(status) {
        context.report(.notSupported(context.path(.index(place), "status"), named: .string(status), allowed))
      }
      if !mayBeBoth {
        if type == "Approved" { isApproved = true }
        if type == "Denied" { isDenied = true }
        if isApproved && isDenied && (type == "Approved" || type == "Denied") {
          let detail = "Approved and Denied conditions are mutually exclusive"
          context.report(.invalid(context.path(), bare: shown(type), detail))
        }
      }
      if !seen.insert(ByteString(type)).inserted && !mayRepeat {
        context.report(.duplicate(context.path(.index(place), "type"), bare: shown(type)))
      }
    }
  }

  private static let certificate: Rule.Function = { context in
    let new = bytes(context.value?["status"]?["certificate"])
    if let old = context.oldObject {
      let before = bytes(old["status"]?["certificate"])
      if new == before || IssuedCertificates.problem(before) != nil { return }
    }
    if let problem = IssuedCertificates.problem(new) {
      context.report(.invalid(context.path("status", "certificate"), "<certificate data>", problem))
    }
  }

  /// What was decided stays, and each part of the status is written through its own sub-resource.
  /// (`validateCertificateSigningRequestUpdate`)
  private static let keepsDecisions: Rule.Function = { context in
    let path = context.path("status", "conditions")
    func conditions(_ object: JSONValue?, _ type: String) -> [JSONValue] {
      (object?["status"]?["conditions"]?.array ?? []).filter { $0["type"]?.string == type }
    }
    let (object, old) = (context.object, context.oldObject)
    for type in ["Approved", "Denied", "Failed"] where conditions(object, type).count < conditions(old, type).count {
      context.report(.forbidden(path, "updates may not remove a condition of type \(GoText.quoted(type))"))
    }
    if context.subresource != approval {
      for type in ["Approved", "Denied"] {
        let (new, before) = (conditions(object, type), conditions(old, type))
        if new.count > before.count {
          context.report(.forbidden(path, "updates may not add a condition of type \(GoText.quoted(type))"))
        } else if new.count == before.count, new != before {
          context.report(.forbidden(path, "updates may not modify a condition of type \(GoText.quoted(type))"))
        }
      }
    }
    let (new, before) = (bytes(object["status"]?["certificate"]), bytes(old?["status"]?["certificate"]))
    if new == before { return }
    let certificate = context.path("status", "certificate")
    if context.subresource != .status {
      context.report(.forbidden(certificate, "updates may not set certificate content"))
    } else if !before.isEmpty {
      context.report(.forbidden(certificate, "updates may not modify existing certificate content"))
    }
  }
}

/// Who signs: `example.org/signer`. (Kubernetes: `ValidateSignerName` of pkg/apis/core/validation)
enum SignerName {
  static func check(_ name: String, _ context: inout RuleContext) {
    if name.isEmpty { return context.report(.required(context.path(), "")) }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
      return context.invalid(name, detail)
    }
    if parts[0].utf8.count > 253 { context.report(.tooLong(context.path(), limit: 253)) }
    let domain = labels(parts[0])
    complain(parts[0], domain, NameValidation.dns1123Label, &context)
    if domain.count < 2 { context.invalid(parts[0], "should be a domain with at least two segments separated by dots") }
    complain(parts[1], labels(parts[1]), NameValidation.dns1123Subdomain, &context)
    if name.utf8.count > 571 { context.report(.tooLong(context.path(), limit: 571)) }
  }

  private static func labels(_ text: String) -> [String] {
    text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  }

  /// The first label that is none is told of, and no other.
  private static func complain(
    _ text: String, _ labels: [String], _ problems: (String) -> [String], _ context: inout RuleContext
  ) {
    for label in labels {
      let problems = problems(label)
      for problem in problems { context.invalid(text, "validating label \(GoText.quoted(label)): \(problem)") }
      if !problems.isEmpty { return }
    }
  }
}
