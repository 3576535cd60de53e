public import JSON

extension LabelSelector {
  /// What a `LabelSelector` of the API selects: everything where it says nothing. nil for one that can't be read.
  /// (meta/v1 `LabelSelectorAsSelector`)
  public init?(object: JSONValue) {
    var requirements: [Requirement] = (object["matchLabels"]?.object?.members ?? []).map {
      Requirement(key: $0.name, op: .equals, values: [$0.value.string ?? ""])
    }
    for expression in object["matchExpressions"]?.array ?? [] {
      let values = (expression["values"]?.array ?? []).compactMap(\.string)
      let op: Operator
      switch expression["operator"]?.string {
      case "In": op = .in
      case "NotIn": op = .notIn
      case "Exists": op = .exists
      case "DoesNotExist": op = .doesNotExist
      default: return nil
      }
      if (op == .in || op == .notIn) == values.isEmpty { return nil }
      requirements.append(
        Requirement(
          key: expression["key"]?.string ?? "", op: op, values: Set(values.map { ByteString($0) }).sorted().map(\.text))
      )
    }
    self.init(requirements)
  }
}
