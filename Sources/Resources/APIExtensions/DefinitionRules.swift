import CustomResources
import JSON
import Machinery
import Registry

/// Rules for CustomResourceDefinitions. (Kubernetes: apiextensions-apiserver/pkg/apis/apiextensions/validation)
enum DefinitionRules {
  static let all: [Rule] = [
    .onCreate(.custom(isNamedAsServed)),
    .onUpdate(.metadataUpdate(checksFinalizers: false)),
    .on(.main, .custom(spec), .at("spec", .custom(ConversionRules.check)), .custom(unchanging)),
    .custom { context in
      for error in DefinitionCheck.statusErrors(context.object) { context.report(error) }
    },
    .on(
      .main,
      .custom { context in
        let (object, old) = (context.object, context.oldObject)
        for error in DefinitionCheck.storedVersionErrors(object) { context.report(error) }
        for error in DefinitionCheck.approvalErrors(object, old: old) { context.report(error) }
        for error in DefinitionCheck.preservationErrors(object, old: old) { context.report(error) }
      }),
  ]

  private static let spec: Rule.Function = { context in
    let errors = DefinitionCheck.specErrors(context.object, old: context.oldObject)
    for error in errors { context.report(error) }
  }

  /// What says where instances are stored can't change, some of it from the time on that there can be instances.
  private static let unchanging: Rule.Function = { context in
    guard let old = context.oldObject else { return }
    func report(_ path: [String]) {
      let new = path.reduce(context.object["spec"]) { $0?[$1] }
      if new == path.reduce(old["spec"], { $0?[$1] }) { return }
      let shown = new?.encoded().text ?? "null"
      let place = (["spec"] + path).joined(separator: ".")
      context.report(.invalid(place, bare: shown, "field is immutable"))
    }
    if DefinitionStatus.isServed(old) {
      report(["scope"])
      report(["names", "kind"])
    }
    report(["group"])
    report(["names", "plural"])
  }

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
