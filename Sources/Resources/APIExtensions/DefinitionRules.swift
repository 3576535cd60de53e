import CustomResources
import JSON
import Machinery
import Registry

/// Rules for CustomResourceDefinitions. (Kubernetes: apiextensions-apiserver/pkg/apis/apiextensions/validation)
enum DefinitionRules {
  static let all: [Rule] = [
    .onCreate(.custom(isNamedAsServed)),
    .onUpdate(.metadataUpdate(checksFinalizers: false)),
  ]

  /// The name is made of plural and group.
  private static let isNamedAsServed: Rule.Function = { context in
    let spec = context.object["spec"]
    let name = "\(spec?["names"]?["plural"]?.string ?? "").\(spec?["group"]?.string ?? "")"
    let rule: MetaValidation.NameRule = { given, isPrefix in
      MetaValidation.subdomainName(given, isPrefix)
        + (given == name ? [] : [#"must be spec.names.plural+"."+spec.group"#])
    }
    let metadata = context.object["metadata"]?.object ?? JSONObject()
    for error in MetaValidation.validate(metadata, isNamespaced: false, nameRule: rule) { context.report(error) }
  }
}
