import JSON
import Machinery
import Registry

/// Columns of tables. (Kubernetes: pkg/printers/internalversion)
enum AdmissionTable {
  static let webhooks = count("Webhooks", of: ["webhooks"], description: "How many webhooks there are.")
  static let validations = count(
    "Validations", of: ["spec", "validations"], description: "How many expressions have to hold.")
  static let mutations = count(
    "Mutations", of: ["spec", "mutations"], description: "How many changes the policy makes.")

  static let paramKind = TableColumn(
    "ParamKind", description: "Objects of which kind the policy takes its parameters from."
  ) { policy, _ in
    guard let kind = policy["spec"]?["paramKind"], kind.kind == .object else { return "<unset>" }
    return .string("\(kind["apiVersion"]?.string ?? "")/\(kind["kind"]?.string ?? "")")
  }

  static let policyName = TableColumn.text(
    "PolicyName", at: "spec.policyName", description: "The policy that is put to use.")

  static let paramRef = TableColumn("ParamRef", description: "The object that the policy's parameters are in.") {
    binding, _ in
    guard let reference = binding["spec"]?["paramRef"], reference.kind == .object else { return "<unset>" }
    let name = reference["name"]?.string ?? ""
    if name.isEmpty { return .string(reference["selector"].map { selector(JSONValue($0)) } ?? "<unset>") }
    let namespace = reference["namespace"]?.string ?? ""
    // Nobody knows here whether it has a namespace at all.
    return .string("\(namespace.isEmpty ? "*" : namespace)/\(name)")
  }

  private static func count(_ name: String, of path: [String], description: String) -> TableColumn {
    TableColumn(name, type: "integer", description: description) { object, _ in
      var node: JSONNode? = object
      for member in path { node = node?[member] }
      return .int(node?.elements.reduce(0) { count, _ in count + 1 } ?? 0)
    }
  }

  /// As Go prints the struct.
  private static func selector(_ selector: JSONValue) -> String {
    let labels = (selector["matchLabels"]?.object?.members ?? []).map { "\($0.name): \($0.value.string ?? "")," }
    let terms = (selector["matchExpressions"]?.array ?? []).map { term in
      let values = (term["values"]?.array ?? []).map { $0.string ?? "" }.joined(separator: " ")
      return "LabelSelectorRequirement{Key:\(term["key"]?.string ?? ""),"
        + "Operator:\(term["operator"]?.string ?? ""),Values:[\(values)],},"
    }
    return "&LabelSelector{MatchLabels:map[string]string{\(labels.joined())},"
      + "MatchExpressions:[]LabelSelectorRequirement{\(terms.joined())},}"
  }
}
