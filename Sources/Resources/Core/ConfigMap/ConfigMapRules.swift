import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for configmaps. (Kubernetes: pkg/apis/core/validation, `ValidateConfigMap` and `ValidateConfigMapUpdate`)
enum ConfigMapRules {
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate, DataRules.frozen("data", "binaryData", filled: "data")),
    .metadata(.subdomain),
    .at("data", .keys(.format(.configMapKey)), .custom(differs)),
    .at("binaryData", .keys(.format(.configMapKey))),
    .custom(size),
  ]

  /// No key stands in both maps.
  private static let differs: Rule.Function = { context in
    guard case .object(let data)? = context.value, !data.isEmpty,
      case .object(let binary)? = context.object["binaryData"], !binary.isEmpty
    else { return }
    let known = Set<ByteString>(binary.members.map(\.name))
    for member in data.members where known.contains(member.name) {
      let detail = "duplicate of key present in binaryData"
      context.report(.invalid(context.path(.key(member.name)), member.name, detail))
    }
  }

  /// Said of no member: the whole is too large.
  private static let size: Rule.Function = { context in
    let bytes =
      DataRules.size(context.value?["data"], isBase64: false)
      + DataRules.size(context.value?["binaryData"], isBase64: true)
    if bytes > DataRules.bytesMax { context.report(.tooLong("", limit: DataRules.bytesMax)) }
  }
}
