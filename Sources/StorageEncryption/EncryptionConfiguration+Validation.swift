import ByteBuffers
import JSON
import Machinery

/// The checks and texts of `ValidateEncryptionConfiguration` (apiserver/pkg/apis/apiserver/validation, 1.36).
extension EncryptionConfiguration {
  static let aesKeySizes = [16, 24, 32]
  static let secretBoxKeySizes = [32]

  func validate() -> [FieldError] {
    if resources.isEmpty { return [.required("resources", "at least one resources is required")] }
    var errors: [FieldError] = []
    for (place, entry) in resources.enumerated() {
      let path = FieldPath("resources").index(place)
      let names = path.child("resources")
      if entry.resources.isEmpty { errors.append(.required("\(names)", "at least one \(names) is required")) }
      errors += Self.overlaps(entry.resources, names)
      for (place, name) in entry.resources.enumerated() {
        if let problem = Self.problem(ofResource: name) {
          errors.append(.invalid("\(names.index(place))", name, problem))
        }
      }
      let providers = path.child("providers")
      if entry.providers.isEmpty { errors.append(.required("\(providers)", "at least one \(providers) is required")) }
      for (place, provider) in entry.providers.enumerated() { errors += provider.validate(providers.index(place)) }
    }
    return errors
  }

  private static func overlaps(_ names: [String], _ path: FieldPath) -> [FieldError] {
    let resources = names.map { GroupResource(parsing: $0) }
    var hasDuplicate = false
    var hasOverlap = false
    for (i, one) in resources.enumerated() {
      for (j, other) in resources.enumerated() where i != j {
        if one == other && !hasDuplicate {
          hasDuplicate = true
          continue
        }
        if one.isEverything || one.group == other.group && (one.resource == "*" || other.resource == "*") {
          hasOverlap = true
        }
      }
    }
    let shown = "[" + names.map { GoText.quoted($0) }.joined(separator: ",") + "]"
    var errors: [FieldError] = []
    if hasDuplicate {
      errors.append(.invalid("\(path)", bare: shown, "the same resource cannot be specified multiple times"))
    }
    if hasOverlap {
      errors.append(
        .invalid(
          "\(path)", bare: shown,
          "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"
        ))
    }
    return errors
  }

  private static func problem(ofResource name: String) -> String? {
    if name.lowercased() != name { return "resource name should not contain capital letters" }
    if name == "*" {
      return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
    }
    if ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"].contains(name) {
      return "resources which do not have REST API/s cannot be encrypted"
    }
    let resource = GroupResource(parsing: name)
    if resource.group == "events.k8s.io" {
      return
        "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
    }
    if resource.group == "extensions" { return "'extensions' group has been removed and cannot be used for encryption" }
    if resource.group == "*" && resource.resource != "*" {
      return "encrypting the same resource across groups is not supported"
    }
    return nil
  }
}

extension EncryptionConfiguration.Provider {
  fileprivate func validate(_ path: FieldPath) -> [FieldError] {
    let present = [aesgcm != nil, aescbc != nil, secretbox != nil, hasIdentity, kms != nil]
    var errors: [FieldError] = []
    switch present.count(where: { $0 }) {
    case 1: break
    case 0:
      errors.append(
        .invalid(
          "\(path)", bare: shown,
          "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"))
    default:
      errors.append(
        .invalid(
          "\(path)", bare: shown,
          "more than one provider specified in a single element, should split into different list elements"))
    }
    if let kms {
      errors += kms.validate(path.child("kms"))
    } else if let aesgcm {
      errors += Self.validate(aesgcm, path.child("aesgcm").child("keys"), EncryptionConfiguration.aesKeySizes)
    } else if let aescbc {
      errors += Self.validate(aescbc, path.child("aescbc").child("keys"), EncryptionConfiguration.aesKeySizes)
    } else if let secretbox {
      errors += Self.validate(
        secretbox, path.child("secretbox").child("keys"), EncryptionConfiguration.secretBoxKeySizes)
    }
    return errors
  }

  /// Go prints the structure; its secrets are left out here.
  private var shown: String {
    func mark(_ isThere: Bool) -> String { isThere ? "{…}" : "null" }
    return
      "{\"AESGCM\":\(mark(aesgcm != nil)),\"AESCBC\":\(mark(aescbc != nil)),\"Secretbox\":\(mark(secretbox != nil)),\"Identity\":\(mark(hasIdentity)),\"KMS\":\(mark(kms != nil))}"
  }

  private static func validate(_ keys: [EncryptionConfiguration.Key], _ path: FieldPath, _ sizes: [Int]) -> [FieldError]
  {
    if keys.isEmpty { return [.required("\(path)", "at least one keys is required")] }
    var errors: [FieldError] = []
    for (place, key) in keys.enumerated() {
      let path = path.index(place)
      if key.name.isEmpty { errors.append(.required("\(path.child("name"))", "name is a mandatory field for a key")) }
      let secret = "\(path.child("secret"))"
      if key.secret.isEmpty {
        errors.append(.required(secret, "secret is a mandatory field for a key"))
      } else if let bytes = key.secretBytes {
        if !sizes.contains(bytes.count) {
          let expected = sizes.map(String.init).joined(separator: " ")
          errors.append(
            .invalid(
              secret, "REDACTED",
              "secret is not of the expected length, got \(bytes.count), expected one of [\(expected)]"))
        }
      } else {
        errors.append(.invalid(secret, "REDACTED", "secrets must be base64 encoded"))
      }
    }
    return errors
  }
}

extension EncryptionConfiguration.KMS {
  fileprivate func validate(_ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if name.isEmpty { errors.append(.required("\(path.child("name"))", "name is a mandatory field for a provider")) }
    if endpoint.isEmpty {
      errors.append(.invalid("\(path.child("endpoint"))", "", "endpoint is a mandatory field for a kms"))
    }
    errors.append(
      .forbidden("\(path)", "KMS providers are not supported by Binnacle: use aesgcm, aescbc, secretbox or identity"))
    return errors
  }
}

extension EncryptionConfiguration.Key {
  /// nil for what is not base64.
  var secretBytes: [UInt8]? { try? Base64.decodedAsInGo(Array(secret.utf8)).get() }
}

extension GroupResource {
  /// `pandas.awesome.example`, `secrets`, `*.`, `*.apps`, `*.*`. (Kubernetes: `schema.ParseGroupResource`.)
  init(parsing text: String) {
    if let dot = text.firstIndex(of: ".") {
      self.init(group: String(text[text.index(after: dot)...]), resource: String(text[..<dot]))
    } else {
      self.init(resource: text)
    }
  }

  static let everything = GroupResource(group: "*", resource: "*")
  var isEverything: Bool { self == .everything }
  var wholeGroup: GroupResource { GroupResource(group: group, resource: "*") }
  /// As a configuration names it.
  var configurationName: String { group.isEmpty && resource == "*" ? "*." : description }
}
