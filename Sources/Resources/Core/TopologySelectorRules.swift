import JSON
import Machinery
import Registry

/// Rules for what says where volumes may be made. (Kubernetes: `ValidateTopologySelectorTerm` of
/// pkg/apis/core/validation)
enum TopologySelectorRules {
  /// Looks at one term, and returns the values that it names of each label. `place`: the term's, seen from the value
  /// that the rule stands at.
  static func term(
    _ term: JSONValue, at place: [RuleContext.Part], _ context: inout RuleContext
  ) -> [ByteString: Set<ByteString>] {
    var labels: [ByteString: Set<ByteString>] = [:]
    for (index, expression) in (term["matchLabelExpressions"]?.array ?? []).enumerated() {
      let place = place + ["matchLabelExpressions", .index(index)]
      let values = (expression["values"]?.array ?? []).map { $0.string ?? "" }
      if values.isEmpty { context.report(.required(context.path(place + ["values"]), "")) }
      var known = Set<ByteString>()
      for (index, value) in values.enumerated() where !known.insert(ByteString(value)).inserted {
        let path = context.path(place + ["values", .index(index)])
        context.report(.duplicate(path, bare: GoText.quoted(value)))
      }
      let key = expression["key"]?.string ?? ""
      let path = context.path(place + ["key"])
      for problem in NameValidation.qualifiedName(key) { context.report(.invalid(path, key, problem)) }
      if labels[ByteString(key)] != nil { context.report(.duplicate(path, bare: GoText.quoted(key))) }
      labels[ByteString(key)] = known
    }
    return labels
  }
}
