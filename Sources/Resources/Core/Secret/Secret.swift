import ByteBuffers
import JSON
import Registry

extension ResourceDefinition {
  /// Confidential data. (Kubernetes: pkg/registry/core/secret)
  static let secrets = ResourceDefinition(
    "secrets", kind: "Secret", scope: .namespaced, folder: "secrets", versions: [.v1],
    rules: SecretRules.all,
    defaults: SecretDefaults.apply,
    warnings: { secret, _ in SecretWarnings.all(secret) },
    selectableFields: [SelectableField("type")], unknownField: .label,
    columns: [
      .name,
      .text("Type", at: "type", description: "What the data are."),
      .count("Data", of: ["data"], description: "How many entries it has."),
      .age,
    ])
}

/// What becomes of a secret as clients write it.
enum SecretDefaults {
  static func apply(_ secret: inout JSONValue) {
    if (secret["type"]?.string ?? "").isEmpty { secret["type"] = "Opaque" }
    guard let texts = secret["stringData"]?.object else { return }
    secret["stringData"] = nil
    if !texts.isEmpty { merge(texts, into: &secret) }
  }

  /// Texts become data, and win over those with their key. (`Convert_v1_Secret_To_core_Secret`)
  private static func merge(_ texts: JSONObject, into secret: inout JSONValue) {
    let encoded = texts.members.map {
      JSONObject.Member($0.name, .string(Base64.text(Array(($0.value.string ?? "").utf8))))
    }
    var data = JSONObject(uniquing: (secret["data"]?.object?.members ?? []) + encoded)
    data.sortByName()
    guard var members = secret.object?.members else { return }
    if let place = members.firstIndex(where: { $0.name == "data" }) {
      members[place] = JSONObject.Member("data", .object(data))
    } else {
      // Where the type has it: nothing but the type stands behind it.
      let place = members.firstIndex { $0.name == "type" } ?? members.count
      members.insert(JSONObject.Member("data", .object(data)), at: place)
    }
    secret = .object(JSONObject(unchecked: members))
  }
}

/// What a client should know of its secret.
enum SecretWarnings {
  static func all(_ secret: JSONValue) -> [String] {
    guard secret["type"]?.string == "kubernetes.io/tls" else { return [] }
    func data(_ key: String) -> [UInt8] {
      var text = secret["data"]?[key]?.string ?? ""
      return text.withUTF8 { Base64.decode(UnsafeRawBufferPointer($0)) }.map { ByteSlice($0).array } ?? []
    }
    return TLSPair.problem(certificates: data("tls.crt"), key: data("tls.key")).map { [$0] } ?? []
  }
}
