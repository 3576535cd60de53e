import JSON
import Machinery

/// Labels of nodes that others have replaced. (Kubernetes: `deprecatedNodeLabels` of pkg/api/node)
enum DeprecatedNodeLabels {
  /// Why a label should not be asked for; nil for one that may.
  static func message(of label: String) -> String? { all.first { $0.label == label }?.message }

  /// What is to be said of a term of a node selector. `path`: the term's. `looksAtValues`: is a value that no label can
  /// have worth a word, where it is no mistake? (`GetWarningsForNodeSelectorTerm`)
  static func warnings(of term: JSONValue, at path: String, looksAtValues: Bool = false) -> [String] {
    var warnings: [String] = []
    for (place, requirement) in (term["matchExpressions"]?.array ?? []).enumerated() {
      let path = "\(path).matchExpressions[\(place)]"
      if let key = requirement["key"]?.string, let message = message(of: key) {
        warnings.append("\(path).key: \(key) is \(message)")
      }
      guard looksAtValues else { continue }
      for (number, value) in (requirement["values"]?.array ?? []).enumerated() {
        let text = value.string ?? ""
        for problem in NameValidation.labelValue(text) {
          warnings.append("\(path).values[\(number)]: \(text) is invalid, \(problem)")
        }
      }
    }
    return warnings
  }

  private static let all: [(label: String, message: String)] = [
    ("beta.kubernetes.io/arch", #"deprecated since v1.14; use "kubernetes.io/arch" instead"#),
    ("beta.kubernetes.io/os", #"deprecated since v1.14; use "kubernetes.io/os" instead"#),
    (
      "failure-domain.beta.kubernetes.io/region",
      #"deprecated since v1.17; use "topology.kubernetes.io/region" instead"#
    ),
    ("failure-domain.beta.kubernetes.io/zone", #"deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#),
    ("beta.kubernetes.io/instance-type", #"deprecated since v1.17; use "node.kubernetes.io/instance-type" instead"#),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
    ("node-role.kubernetes.io/master", #"use "node-role.kubernetes.io/control-plane" instead"#),
  ]
}
