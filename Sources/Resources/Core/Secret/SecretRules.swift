import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for secrets, whose `stringData` have become `data` before. (Kubernetes: pkg/apis/core/validation,
/// `ValidateSecret` and `ValidateSecretUpdate`)
enum SecretRules {
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate, .at("type", .immutable), DataRules.frozen("data")),
    .metadata(.subdomain),
    .at("data", .keys(.format(.configMapKey)), .custom(size)),
    .custom(type),
  ]

  private static let size: Rule.Function = { context in
    if DataRules.size(context.value, isBase64: true) > DataRules.bytesMax {
      context.report(.tooLong(context.path(), limit: DataRules.bytesMax))
    }
  }

  /// What each type of secret has to hold.
  private static let type: Rule.Function = { context in
    let data = context.value?["data"]
    switch context.value?["type"]?.string ?? "" {
    case "kubernetes.io/service-account-token":
      let key = "kubernetes.io/service-account.name"
      if (context.value?["metadata"]?["annotations"]?[key]?.string ?? "").isEmpty {
        context.report(.required(context.path("metadata", "annotations", .key(key)), ""))
      }
    case "kubernetes.io/dockercfg": holdsJSON(".dockercfg", data, &context)
    case "kubernetes.io/dockerconfigjson": holdsJSON(".dockerconfigjson", data, &context)
    case "kubernetes.io/basic-auth":
      if data?["username"] == nil && data?["password"] == nil { needs(["username", "password"], &context) }
    case "kubernetes.io/ssh-auth":
      if (data?["ssh-privatekey"]?.string ?? "").isEmpty { needs(["ssh-privatekey"], &context) }
    case "kubernetes.io/tls": needs(["tls.crt", "tls.key"].filter { data?[$0] == nil }, &context)
    default: break
    }
  }

  private static func needs(_ keys: [String], _ context: inout RuleContext) {
    for key in keys { context.report(.required(context.path("data", .key(key)), "")) }
  }

  /// An object in JSON, of which nothing is shown.
  private static func holdsJSON(_ key: String, _ data: JSONValue?, _ context: inout RuleContext) {
    guard let value = data?[key] else { return needs([key], &context) }
    var text = value.string ?? ""
    func complain(_ why: String, _ context: inout RuleContext) {
      context.report(.invalid(context.path("data", .key(key)), "<secret contents redacted>", why))
    }
    // It has been decoded once; what is no base64 did not get here.
    guard let bytes = text.withUTF8({ Base64.decode(UnsafeRawBufferPointer($0)) }) else { return }
    do {
      let root = try JSONTape.parse(ByteSlice(bytes)).root
      if root.kind != .object && !root.isNull {
        complain(
          "json: cannot unmarshal \(JSONValue.goKind(of: root)) into Go value of type map[string]interface {}", &context
        )
      }
    } catch { complain("\(error)", &context) }
  }
}
