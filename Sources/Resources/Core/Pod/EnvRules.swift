import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for a container's environment. (Kubernetes: pkg/apis/core/validation, `ValidateEnv` and `ValidateEnvFrom`)
enum EnvRules {
  static let variables: [Rule] = [
    .each(
      .at("name", .required, .format(name)),
      .at(
        "valueFrom",
        .at("fieldRef", .custom(FieldReferenceRules.ofEnvironment)),
        .at("resourceFieldRef", .custom { FieldReferenceRules.resource(&$0, inVolume: false) }),
        .at("configMapKeyRef", keyReference),
        .at("secretKeyRef", keyReference),
        .at(
          "fileKeyRef",
          .at("key", .required, .format(name)),
          .at("volumeName", .required, .format(.dns1123Label)),
          .at("path", .required, .format(PathRules.noBackstepsFormat)))),
      .custom(sourceIsClear))
  ]

  static let sources: [Rule] = [
    .each(
      .at("prefix", .optional, .format(name)),
      .at("configMapRef", .at("name", .required, .format(prefix))),
      .at("secretRef", .at("name", .required, .format(prefix)))),
    .custom { context in
      for source in context.value?.array ?? [] {
        let count = (source.isSet("configMapRef") ? 1 : 0) + (source.isSet("secretRef") ? 1 : 0)
        if count == 0 {
          context.refuses("", "must specify one of: `configMapRef` or `secretRef`")
        } else if count > 1 {
          context.refuses("", "may not have more than one field specified at a time")
        }
      }
    },
  ]

  /// (`IsRelaxedEnvVarName`)
  static let name = TextFormat { name in
    if name.isEmpty { return ["environment variable name must be non-empty"] }
    let isGood = name.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "=") }
    return isGood
      ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
  }

  /// A name that may be a prefix of one: upstream asks so.
  private static let prefix = TextFormat { MetaValidation.subdomainName($0, true) }

  private static let keyReference: [Rule] = [
    .at("name", .format(.dns1123Subdomain)),
    .at("key", .required, .format(.configMapKey)),
  ]

  private static let kinds = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]

  private static let sourceIsClear: Rule.Function = { context in
    guard let variable = context.value, let source = variable["valueFrom"], !source.isNull else { return }
    let count = kinds.reduce(0) { $0 + (source.isSet($1) ? 1 : 0) }
    if count == 0 {
      context.refuses(
        "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        at: "valueFrom")
    } else if !variable.string(at: "value").isEmpty {
      context.refuses("", "may not be specified when `value` is not empty", at: "valueFrom")
    } else if count > 1 {
      context.refuses("", "may not have more than one field specified at a time", at: "valueFrom")
    }
  }

  /// Files of variables stand in volumes of their own. (`validateFileKeyRefVolumes`)
  static let filesAreInVolumes: Rule.Function = { context in
    guard let spec = context.value else { return }
    var found: [(name: String, path: [RuleContext.Part])] = []
    PodFacts.containers(of: spec) { container, list, place in
      guard case .array(let variables)? = container["env"] else { return }
      for (number, variable) in variables.enumerated() {
        guard let source = variable["valueFrom"]?["fileKeyRef"], !source.isNull else { continue }
        found.append(
          (
            source.string(at: "volumeName"),
            [.member(list), .index(place), "env", .index(number), "valueFrom", "fileKeyRef", "volumeName"]
          ))
      }
    }
    if found.isEmpty { return }
    var volumes: [ByteString: JSONValue] = [:]
    for volume in spec.array(at: "volumes") { volumes[ByteString(volume.string(at: "name"))] = volume }
    for (name, path) in found {
      guard let volume = volumes[ByteString(name)] else {
        context.report(.notFound(context.path(path), name))
        continue
      }
      if !volume.isSet("emptyDir") {
        context.report(.invalid(context.path(path), name, "referenced volume must be of type emptyDir"))
      }
    }
  }
}
