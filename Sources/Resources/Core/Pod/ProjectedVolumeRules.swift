import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for volumes that are made of several things, and of the pod's own fields. What trust bundles and pod
/// certificates ask for is not looked at: their gates are closed, and so they are dropped before. (Kubernetes:
/// pkg/apis/core/validation, `validateProjectedVolumeSource` and `validateDownwardAPIVolumeSource`)
enum ProjectedVolumeRules {
  static let downward: [Rule] = [
    .at("defaultMode", PathRules.mode),
    .custom { context in
      for file in context.value?.array(at: "items") ?? [] { check(file, at: [], &context) }
    },
  ]

  static let all: [Rule] = [.at("defaultMode", PathRules.mode), .custom(sources)]

  private static let sources: Rule.Function = { context in
    var paths = Set<ByteString>()
    for (place, source) in (context.value?.array(at: "sources") ?? []).enumerated() {
      var count = 0
      let here: [RuleContext.Part] = ["sources", .index(place)]
      for kind in ["secret", "configMap"] {
        guard let files = source[kind], !files.isNull else { continue }
        count += 1
        check(files, at: here + [.member(kind)], &paths, &context)
      }
      if let files = source["downwardAPI"], !files.isNull {
        count += 1
        for file in files.array(at: "items") {
          check(file, at: here + ["downwardAPI"], &context)
          let path = file.string(at: "path")
          if !path.isEmpty, !paths.insert(path).inserted { context.refuses(path, "conflicting duplicate paths") }
        }
      }
      if let token = source["serviceAccountToken"], !token.isNull {
        count += 1
        check(token: token, at: here + ["serviceAccountToken", "expirationSeconds"], &context)
      }
      count += (source.isSet("clusterTrustBundle") ? 1 : 0) + (source.isSet("podCertificate") ? 1 : 0)
      if count > 1 {
        context.report(.forbidden(context.path(here), "may not specify more than 1 volume type per source"))
      }
    }
  }

  /// Files from an object.
  private static func check(
    _ files: JSONValue, at path: [RuleContext.Part], _ paths: inout Set<ByteString>, _ context: inout RuleContext
  ) {
    let name = files.string(at: "name")
    if name.isEmpty { context.report(.required(context.path(path + ["name"]), "")) }
    for (place, item) in files.array(at: "items").enumerated() {
      let here = path + ["items", .index(place)]
      if item.string(at: "key").isEmpty { context.report(.required(context.path(here + ["key"]), "")) }
      let target = item.string(at: "path")
      if target.isEmpty {
        context.report(.required(context.path(here + ["path"]), ""))
      } else {
        for problem in PathRules.localName(target) {
          context.report(.invalid(context.path(here + ["path"]), target, problem))
        }
      }
      mode(item["mode"], at: here + ["mode"], &context)
      if !target.isEmpty, !paths.insert(target).inserted { context.refuses(name, "conflicting duplicate paths") }
    }
  }

  /// A file of the pod's own fields; upstream does not say which. (`validateDownwardAPIVolumeFile`)
  private static func check(_ file: JSONValue, at path: [RuleContext.Part], _ context: inout RuleContext) {
    let target = file.string(at: "path")
    if target.isEmpty {
      context.report(.required(context.path(path + ["path"]), ""))
    } else {
      for problem in PathRules.localName(target) {
        context.report(.invalid(context.path(path + ["path"]), target, problem))
      }
    }
    let field = file["fieldRef"].flatMap { $0.isNull ? nil : $0 }
    let resource = file["resourceFieldRef"].flatMap { $0.isNull ? nil : $0 }
    if let field {
      context.look(at: field, path + ["fieldRef"], FieldReferenceRules.ofVolume)
      if resource != nil {
        context.report(
          .invalid(
            context.path(path), "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
      }
    } else if let resource {
      context.look(at: resource, path + ["resourceFieldRef"]) { FieldReferenceRules.resource(&$0, inVolume: true) }
    } else {
      context.report(.required(context.path(path), "one of fieldRef and resourceFieldRef is required"))
    }
    mode(file["mode"], at: path + ["mode"], &context)
  }

  private static func mode(_ mode: JSONValue?, at path: [RuleContext.Part], _ context: inout RuleContext) {
    guard let mode = mode?.int, mode < 0 || mode > 0o777 else { return }
    let detail = "must be a number between 0 and 0777 (octal), both inclusive"
    context.report(.invalid(context.path(path), bare: String(mode), detail))
  }

  private static func check(token: JSONValue, at path: [RuleContext.Part], _ context: inout RuleContext) {
    let seconds = token.int(at: "expirationSeconds")
    if seconds < 600 {
      let detail = "may not specify a duration less than 10 minutes"
      context.report(.invalid(context.path(path), bare: String(seconds), detail))
    }
    if seconds > 1 << 32 {
      let detail = "may not specify a duration larger than 2^32 seconds"
      context.report(.invalid(context.path(path), bare: String(seconds), detail))
    }
    // Upstream names the volume's path, not the source's.
    let target = token.string(at: "path")
    if target.isEmpty { return context.needs("path") }
    if PathRules.localName(target).isEmpty || context.pod.mayHaveForeignTokenPath { return }
    context.refuses(target, each: PathRules.localName(target), at: "path")
  }
}
