import JSON

/// A label selector as tables show it. (`FormatLabelSelector`)
enum LabelSelectorText {
  static func text(_ selector: JSONNode?) -> String {
    guard let selector, selector.kind == .object else { return "<none>" }
    var terms: [(key: String, text: String)] = []
    if let labels = selector["matchLabels"] {
      for (name, value) in labels.members {
        let key = name.string ?? ""
        terms.append((key, "\(key)=\(value.string ?? "")"))
      }
    }
    if let expressions = selector["matchExpressions"] {
      for expression in expressions.elements {
        let key = expression["key"]?.string ?? ""
        let values = (expression["values"]?.elements.map { $0.string ?? "" } ?? []).sorted()
        switch expression["operator"]?.string ?? "" {
        case "In" where !values.isEmpty: terms.append((key, "\(key) in (\(values.joined(separator: ",")))"))
        case "NotIn" where !values.isEmpty: terms.append((key, "\(key) notin (\(values.joined(separator: ",")))"))
        case "Exists" where values.isEmpty: terms.append((key, key))
        case "DoesNotExist" where values.isEmpty: terms.append((key, "!\(key)"))
        default: return "<error>"
        }
      }
    }
    if terms.isEmpty { return "<none>" }
    let sorted = terms.indices.sorted { terms[$0].key == terms[$1].key ? $0 < $1 : terms[$0].key < terms[$1].key }
    return sorted.map { terms[$0].text }.joined(separator: ",")
  }
}
