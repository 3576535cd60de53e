import JSON

/// Which labels a label selector selects. (Kubernetes: `metav1.LabelSelectorAsSelector`)
enum LabelSelectorMatch {
  /// `selector`: a good one. An empty one selects all.
  static func selects(_ selector: JSONValue, _ labels: JSONObject) -> Bool {
    (selector["matchLabels"]?.object?.members ?? []).allSatisfy { labels[$0.name] == $0.value }
      && (selector["matchExpressions"]?.array ?? []).allSatisfy { term in
        let value = labels[term["key"]?.string ?? ""]
        let isListed = value.map { term["values"]?.array?.contains($0) ?? false } ?? false
        switch term["operator"]?.string ?? "" {
        case "In": return isListed
        case "NotIn": return !isListed
        case "Exists": return value != nil
        case "DoesNotExist": return value == nil
        default: return false
        }
      }
  }
}
