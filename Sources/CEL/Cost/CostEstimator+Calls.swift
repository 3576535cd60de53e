/// What calls cost. (cel-go `coster.functionCost`)
extension CostEstimator {
  func estimate(_ call: CostCall) -> CallEstimate {
    let arguments = call.costs.reduce(CELRange.zero, +)
    if var estimate = extensionEstimate(call) ?? kubernetesEstimate(call) {
      estimate.cost += arguments
      return estimate
    }
    switch call.overload {
    case "logical_or", "logical_and":
      guard call.costs.count == 2 else { break }
      // The second may not be looked at.
      return CallEstimate(CELRange(call.costs[0].min, (call.costs[0] + call.costs[1]).max))
    case "conditional":
      guard call.costs.count == 3 else { break }
      let (yes, no) = (call.arguments[1], call.arguments[2])
      if let entries = CostEntries.union(entries(of: yes), entries(of: no)) { call.expression.entries = entries }
      return CallEstimate(
        call.costs[0] + call.costs[1].union(call.costs[2]), size: walked(yes).union(walked(no)))
    default: break
    }
    var estimate = standardEstimate(call) ?? .one
    estimate.cost += arguments
    return estimate
  }

  func entries(of node: CostNode) -> CostEntries? { node.expression.flatMap { entries(of: $0) } }

  /// The size that is computed of an expression. (`sizeOrUnknown`)
  private func walked(_ node: CostNode) -> CELRange { node.size ?? .unknown }

  private func standardEstimate(_ call: CostCall) -> CallEstimate? {
    let arguments = call.arguments
    let character = CELPrice.character
    switch call.overload {
    case "string_format":
      return call.target.map { CallEstimate(walked($0) * character) }
    case "string_to_bytes":
      guard arguments.count == 1 else { return nil }
      let size = walked(arguments[0])
      // Upstream does not look whether this is too large.
      return CallEstimate(size * character, size: CELRange(size.min, size.max &* 4))
    case "bytes_to_string":
      guard arguments.count == 1 else { return nil }
      let size = walked(arguments[0])
      return CallEstimate(size * character, size: CELRange(size.min / 4, size.max))
    case "strings_quote":
      guard arguments.count == 1 else { return nil }
      let size = walked(arguments[0])
      return CallEstimate(size * character, size: CELRange(size.min &+ 2, size.max &* 2 &+ 2))
    case "starts_with_string", "ends_with_string":
      return arguments.count == 1 ? CallEstimate(walked(arguments[0]) * character) : nil
    case "in_list": return arguments.count == 2 ? CallEstimate(walked(arguments[1]) * 1.0) : nil
    case "matches_string":
      guard let target = call.target, arguments.count == 1 else { return nil }
      let text = (walked(target) + .one) * character
      return CallEstimate(text * (walked(arguments[0]) * CELPrice.regexCharacter))
    case "contains_string":
      guard let target = call.target, arguments.count == 1 else { return nil }
      return CallEstimate(walked(target) * character * (walked(arguments[0]) * character))
    case "add_string", "add_bytes", "add_list":
      guard arguments.count == 2 else { return nil }
      let size = walked(arguments[0]) + walked(arguments[1])
      if let entries = CostEntries.union(entries(of: arguments[0]), entries(of: arguments[1])) {
        call.expression.entries = entries
      }
      return CallEstimate(call.overload == "add_list" ? .one : size * character, size: size)
    case "less_string", "greater_string", "less_equals_string", "greater_equals_string", "less_bytes", "greater_bytes",
      "less_equals_bytes", "greater_equals_bytes", "equals", "not_equals":
      guard arguments.count == 2 else { return nil }
      let most = min(walked(arguments[0]).max, walked(arguments[1]).max)
      return CallEstimate(CELRange(most > 0 ? 1 : 0, most) * character)
    default: return nil
    }
  }

  // MARK: lists and sets (cel-go `ext/lists.go`, `ext/sets.go`)

  private static let comparable: Set<ByteString> = [
    "int", "uint", "double", "bool", "google.protobuf.Duration", "google.protobuf.Timestamp", "string", "bytes",
  ]

  private func extensionEstimate(_ call: CostCall) -> CallEstimate? {
    let arguments = call.arguments
    switch call.overload {
    case "list_sets_contains_list", "list_sets_intersects_list", "list_sets_equivalent_list":
      guard arguments.count == 2 else { return nil }
      let factor = call.overload == "list_sets_equivalent_list" ? 2.0 : 1.0
      return CallEstimate(known(arguments[0]) * known(arguments[1]) * factor + .one)
    case "list_slice":
      guard let target = call.target, arguments.count == 2 else { return nil }
      let end = whole(arguments[1], known(target).max)
      return allocating(1, CELRange(end &- whole(arguments[0], 0)))
    case "lists_range":
      guard call.target == nil, arguments.count == 1 else { return nil }
      return allocating(1, CELRange(whole(arguments[0], .max)))
    case "list_reverse":
      return call.target.map { allocating(1, known($0)) }
    case "list_flatten", "list_flatten_int":
      guard let target = call.target else { return nil }
      return allocating(Double(arguments.first.map { whole($0, .max) } ?? 1), known(target))
    case "list_distinct":
      return call.target.map { allocating(2, known($0) * known($0)) }
    case let overload where overload.hasPrefix("list_") && overload.hasSuffix("_sort"):
      guard let target = call.target, let type = Self.sorted(overload, "_sort") else { return nil }
      return sort(target, by: type)
    case let overload where overload.hasPrefix("list_") && overload.hasSuffix("_sortByAssociatedKeys"):
      guard arguments.count == 1, let type = Self.sorted(overload, "_sortByAssociatedKeys") else { return nil }
      return sort(arguments[0], by: type)
    default: return nil
    }
  }

  /// The type in the name of an overload.
  private static func sorted(_ overload: String, _ ending: String) -> String? {
    let type = String(overload.dropFirst("list_".count).dropLast(ending.count))
    return comparable.contains(type) ? type : nil
  }

  private func sort(_ node: CostNode, by type: String) -> CallEstimate {
    allocating(type == "string" || type == "bytes" ? 2 + CELPrice.character : 2, known(node) * known(node))
  }

  private func allocating(_ factor: Double, _ size: CELRange) -> CallEstimate {
    CallEstimate(size * factor + .one + CELRange(CELPrice.list), size: size)
  }

  /// A number that is written down; 0 for one below it.
  private func whole(_ node: CostNode, _ otherwise: UInt64) -> UInt64 {
    guard case .literal(_, let value?)? = node.expression?.kind else { return otherwise }
    return UInt64(clamping: value)
  }

  /// The size that is computed or that the types allow. (`estimateSize`)
  func known(_ node: CostNode) -> CELRange {
    if let size = node.size { return size }
    if let path = node.path, let most = size(path.names) { return CELRange(0, most) }
    return .unknown
  }
}
