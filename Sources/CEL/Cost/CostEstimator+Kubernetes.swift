/// What calls of Kubernetes' libraries cost, and of the strings library. (apiserver `CostEstimator.EstimateCallCost`)
extension CostEstimator {
  func kubernetesEstimate(_ call: CostCall) -> CallEstimate? {
    let first = call.arguments.first
    switch call.function {
    case "isSorted", "sum", "max", "min", "indexOf", "lastIndexOf": return call.target.map { elements($0) }
    case "url", "jsonpatch.escapeKey":
      guard call.arguments.count == 1, let first else { return nil }
      return CallEstimate(characters(first), size: known(first))
    case "lowerAscii", "upperAscii", "substring", "trim":
      return call.target.map { CallEstimate(characters($0), size: known($0)) }
    case "replace": return replace(call)
    case "split": return split(call)
    case "join": return join(call)
    case "find", "findAll":
      guard let target = call.target, let first else { return nil }
      let size = known(target)
      let text = (size + .one) * CELPrice.character
      return CallEstimate(text * (known(first) * CELPrice.regexCharacter), size: CELRange(0, size.max))
    case "ip" where call.overload == "cidr_ip": return .one
    case "cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver":
      return first.map { CallEstimate(characters($0)) }
    case "ip.isCanonical": return first.map { CallEstimate(known($0) * (2 * CELPrice.character)) }
    case "containsIP", "containsCIDR": return first.map { contains(call, $0) }
    case "validate":
      return first.map { CallEstimate(characters($0) * (Self.formatRegexMax * CELPrice.regexCharacter)) }
    case "format.named", "masked", "prefixLength", "family", "isUnspecified", "isLoopback", "isLinkLocalMulticast",
      "isLinkLocalUnicast", "isGlobalUnicast", "sign", "asInteger", "isInteger", "asApproximateFloat", "isGreaterThan",
      "isLessThan", "compareTo", "add", "sub", "major", "minor", "patch", "getScheme", "getHostname", "getHost",
      "getPort", "getEscapedPath", "getQuery":
      return .one
    case "_==_": return equality(call)
    default: return nil
    }
  }

  /// (`MaxNameFormatRegexSize`, `MaxFormatSize`)
  private static let formatRegexMax = 128.0
  private static let formatMax: UInt64 = 64

  private func characters(_ node: CostNode) -> CELRange { known(node) * CELPrice.character }

  /// One for each element, and what its characters are; of a text what its characters are.
  private func elements(_ target: CostNode) -> CallEstimate {
    guard let element = element(of: target) else { return CallEstimate(characters(target)) }
    var price = CELRange.one
    if element.type == .string || element.type == .bytes { price += characters(element) }
    return CallEstimate(known(target) * price)
  }

  private func element(of list: CostNode) -> CostNode? {
    list.type.parameters.first.map {
      CostNode(path: list.path?.copied(appending: "@items"), type: $0, expression: nil, size: nil)
    }
  }

  /// The longest and the shortest answer: as many replacements as there may be.
  private func replace(_ call: CostCall) -> CallEstimate? {
    guard let target = call.target, call.arguments.count >= 2 else { return nil }
    let (size, old, new) = (known(target), known(call.arguments[0]), known(call.arguments[1]))
    var count = CELRange.zero
    var kept = CELRange.zero
    func times(_ size: UInt64, _ part: UInt64) -> UInt64 {
      UInt64(clamping: (Double(size) / Double(part)).rounded(.up))
    }
    if old.min == 0 {
      count.max = size.max.adding(1)
      kept.max = size.max
    } else if new.max <= old.min {
      kept.max = size.max
    } else {
      count.max = times(size.max, old.min)
    }
    if old.max == 0 {
      count.min = size.min.adding(1)
      kept.min = size.min
    } else if old.max <= new.min {
      kept.min = size.min
    } else {
      count.min = times(size.min, old.max)
    }
    return CallEstimate(size * (2 * CELPrice.character), size: count * new + kept)
  }

  private func split(_ call: CostCall) -> CallEstimate? {
    guard let target = call.target else { return nil }
    let size = known(target)
    var most = size.max
    if call.arguments.count > 1, case .literal(_, let count?)? = call.arguments[1].expression?.kind {
      most = UInt64(bitPattern: count)
    }
    return CallEstimate(size * (2 * CELPrice.character), size: CELRange(0, most))
  }

  private func join(_ call: CostCall) -> CallEstimate? {
    guard let target = call.target else { return nil }
    let list = known(target)
    var size = element(of: target).map { list * known($0) } ?? .zero
    if let separator = call.arguments.first {
      let count = CELRange(list.min > 0 ? list.min - 1 : 0, list.max > 0 ? list.max - 1 : 0)
      size += known(separator) * count
    }
    return CallEstimate(size * CELPrice.character, size: size)
  }

  /// Of addresses of 4 or 16 bytes.
  private func contains(_ call: CostCall, _ other: CostNode) -> CallEstimate {
    let bytes = CELRange(4, 16)
    var cost = (bytes + bytes) * CELPrice.character
    if call.function == "containsCIDR" { cost += bytes * CELPrice.character + .one }
    if call.overload.hasSuffix("_string") { cost += characters(other) }
    return CallEstimate(cost)
  }

  private func equality(_ call: CostCall) -> CallEstimate? {
    guard call.arguments.count == 2, call.arguments[0].type == call.arguments[1].type else { return nil }
    switch call.arguments[0].type {
    case .opaque("net.IP", _), .opaque("net.CIDR", _), .structure("kubernetes.Quantity"),
      .structure("kubernetes.Semver"):
      return .one
    case .structure("kubernetes.NamedFormat"): return CallEstimate(CELRange(1, Self.formatMax) * CELPrice.character)
    case .structure("kubernetes.URL"):
      // Upstream looks at the second twice.
      let size = call.arguments[1].size ?? .one
      return CallEstimate(CELRange(1, size.max) * CELPrice.character)
    default: return nil
    }
  }
}
