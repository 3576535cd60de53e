import ConfigurationFiles
import JSON
import Machinery

/// What an EncryptionConfiguration file says, not yet validated. (Kubernetes: `apiserver.config.k8s.io/v1`.)
struct EncryptionConfiguration {
  struct Resources {
    var resources: [String] = []
    var providers: [Provider] = []
  }
  struct Key {
    var name = ""
    /// In base64.
    var secret = ""
  }
  struct KMS {
    var apiVersion = ""
    var name = ""
    var endpoint = ""
  }
  /// Exactly one member should be there.
  struct Provider {
    var aesgcm: [Key]?
    var aescbc: [Key]?
    var secretbox: [Key]?
    var hasIdentity = false
    var kms: KMS?
  }
  var resources: [Resources] = []
}

extension EncryptionConfiguration {
  /// Reads the tree of a file as strictly as kube-apiserver: unknown members are errors. Throws `ConfigurationProblem`.
  init(_ tree: JSONValue) throws {
    guard let root = tree.object else {
      throw ConfigurationProblem(
        description: "couldn't get version/kind; the file must hold an object, not \(tree.goKind)")
    }
    let kind = root["kind"]?.string ?? ""
    let version = root["apiVersion"]?.string ?? ""
    if kind.isEmpty {
      throw ConfigurationProblem(description: "Object 'Kind' is missing: it must be EncryptionConfiguration")
    }
    if version.isEmpty {
      throw ConfigurationProblem(description: "Object 'apiVersion' is missing: it must be apiserver.config.k8s.io/v1")
    }
    guard kind == "EncryptionConfiguration", version == "apiserver.config.k8s.io/v1" else {
      throw ConfigurationProblem(
        description:
          "no kind \(GoText.quoted(kind)) is registered for version \(GoText.quoted(version)): it must be EncryptionConfiguration of apiserver.config.k8s.io/v1"
      )
    }
    var reader = StrictReader()
    resources = try reader.list(root["resources"], at: "resources") { reader, item, path in
      let entry = try reader.object(item, at: path, members: ["resources", "providers"])
      var resources = Resources()
      resources.resources = try reader.list(entry["resources"], at: path + ".resources") { try $0.text($1, at: $2) }
      resources.providers = try reader.list(entry["providers"], at: path + ".providers") { try $0.provider($1, at: $2) }
      return resources
    }
    _ = try reader.object(tree, at: "", members: ["kind", "apiVersion", "resources"])
    if !reader.unknown.isEmpty {
      throw ConfigurationProblem(
        description: "strict decoding error: "
          + reader.unknown.map { "unknown field \(GoText.quoted($0))" }.joined(separator: ", "))
    }
  }
}

/// Takes values out of a tree and remembers members that nobody knows.
private struct StrictReader {
  var unknown: [String] = []

  private func wrong(_ value: JSONValue, _ path: String, _ wanted: String) -> ConfigurationProblem {
    ConfigurationProblem(description: "json: cannot unmarshal \(value.goKind) into \(path): it must be \(wanted)")
  }

  mutating func object(_ value: JSONValue, at path: String, members: [String]) throws -> JSONObject {
    if value.isNull { return JSONObject() }
    guard let object = value.object else { throw wrong(value, path, "an object") }
    for member in object.members where !members.contains(member.name) {
      unknown.append(path.isEmpty ? member.name : "\(path).\(member.name)")
    }
    return object
  }

  mutating func list<T>(
    _ value: JSONValue?, at path: String, _ read: (inout StrictReader, JSONValue, String) throws -> T
  ) throws -> [T] {
    guard let value, !value.isNull else { return [] }
    guard let items = value.array else { throw wrong(value, path, "a list") }
    var all: [T] = []
    for (place, item) in items.enumerated() { all.append(try read(&self, item, "\(path)[\(place)]")) }
    return all
  }

  func text(_ value: JSONValue?, at path: String) throws -> String {
    guard let value, !value.isNull else { return "" }
    guard let text = value.string else { throw wrong(value, path, "a string, in quotes if need be") }
    return text
  }

  mutating func keys(_ value: JSONValue?, at path: String) throws -> [EncryptionConfiguration.Key]? {
    guard let value, !value.isNull else { return nil }
    let provider = try object(value, at: path, members: ["keys"])
    return try list(provider["keys"], at: path + ".keys") { reader, item, path in
      let key = try reader.object(item, at: path, members: ["name", "secret"])
      return .init(
        name: try reader.text(key["name"], at: path + ".name"),
        secret: try reader.text(key["secret"], at: path + ".secret"))
    }
  }

  mutating func provider(_ value: JSONValue, at path: String) throws -> EncryptionConfiguration.Provider {
    let members = try object(value, at: path, members: ["aesgcm", "aescbc", "secretbox", "identity", "kms"])
    var provider = EncryptionConfiguration.Provider()
    provider.aesgcm = try keys(members["aesgcm"], at: path + ".aesgcm")
    provider.aescbc = try keys(members["aescbc"], at: path + ".aescbc")
    provider.secretbox = try keys(members["secretbox"], at: path + ".secretbox")
    if let identity = members["identity"], !identity.isNull {
      _ = try object(identity, at: path + ".identity", members: [])
      provider.hasIdentity = true
    }
    if let kms = members["kms"], !kms.isNull {
      let known = ["apiVersion", "name", "cachesize", "endpoint", "timeout"]
      let settings = try object(kms, at: path + ".kms", members: known)
      provider.kms = .init(
        apiVersion: try text(settings["apiVersion"], at: path + ".kms.apiVersion"),
        name: try text(settings["name"], at: path + ".kms.name"),
        endpoint: try text(settings["endpoint"], at: path + ".kms.endpoint"))
    }
    return provider
  }
}
