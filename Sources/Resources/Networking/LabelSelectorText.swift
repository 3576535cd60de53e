import JSON
import Registry

/// A label selector as text.
enum LabelSelectorText {
  /// As tables show it. (`FormatLabelSelector`)
  static func text(_ selector: JSONNode?) -> String {
    guard let selector, selector.kind == .object else { return "<none>" }
    guard let text = query(JSONValue(selector)) else { return "<error>" }
    return text.isEmpty ? "<none>" : text
  }

  /// As a client may ask by it; empty for one that selects nothing or all, nil for one that can't be read.
  /// (`LabelSelectorAsSelector`)
  static func query(_ selector: JSONValue) -> String? {
    guard RuleContext.isGoodLabelSelector(selector) else { return nil }
    var terms: [(key: String, text: String)] = (selector["matchLabels"]?.object?.members ?? []).map {
      ($0.name, "\($0.name)=\($0.value.string ?? "")")
    }
    for expression in selector["matchExpressions"]?.array ?? [] {
      let key = expression["key"]?.string ?? ""
      let values = (expression["values"]?.array ?? []).map { $0.string ?? "" }.sorted().joined(separator: ",")
      switch expression["operator"]?.string ?? "" {
      case "In": terms.append((key, "\(key) in (\(values))"))
      case "NotIn": terms.append((key, "\(key) notin (\(values))"))
      case "Exists": terms.append((key, key))
      default: terms.append((key, "!\(key)"))
      }
    }
    let sorted = terms.indices.sorted { terms[$0].key == terms[$1].key ? $0 < $1 : terms[$0].key < terms[$1].key }
    return sorted.map { terms[$0].text }.joined(separator: ",")
  }
}
