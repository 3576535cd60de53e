/// The media types of the API, in the order that kube-apiserver lists them.
enum MediaType: String, Sendable, CaseIterable {
  case json = "application/json"
  case yaml = "application/yaml"
  case protobuf = "application/vnd.kubernetes.protobuf"

  /// What a response can be, as messages list it.
  static let all = allCases.map(\.rawValue)
  /// What a watch can be, as messages list it: YAML has no framing.
  static let streams = [json.rawValue + ";stream=watch", protobuf.rawValue + ";stream=watch"]
  /// The patch formats.
  static let jsonPatch = "application/json-patch+json"
  static let mergePatch = "application/merge-patch+json"
  static let strategicMergePatch = "application/strategic-merge-patch+json"
  static let applyPatch = "application/apply-patch+yaml"
  static let patches = [jsonPatch, mergePatch, strategicMergePatch, applyPatch]
  /// Those of custom kinds.
  static let customPatches = [jsonPatch, mergePatch, applyPatch]

  var subtype: Substring { rawValue.dropFirst("application/".count) }
}

/// One clause of an Accept header. (goautoneg `Accept`.)
struct AcceptClause: Equatable {
  var type = ""
  var subtype = ""
  var quality = 1.0
  var parameters: [(name: String, value: String)] = []

  static func == (a: AcceptClause, b: AcceptClause) -> Bool {
    a.type == b.type && a.subtype == b.subtype && a.quality == b.quality
      && a.parameters.elementsEqual(b.parameters) { $0.name == $1.name && $0.value == $1.value }
  }

  /// What of an Accept header is looked at: no client means more, and some mean harm.
  static func considered(_ header: String) -> Substring {
    header.utf8.count <= bytesMax ? header[...] : Substring(header.utf8.prefix(bytesMax))
  }
  private static let bytesMax = 4 << 10

  /// The clauses, best first, in goautoneg's order (its comparison is no strict order, so its sort is copied as an
  /// insertion sort; where there are more than Go sorts so, the order is that of quality and of stars).
  static func parse(_ header: String) -> [AcceptClause] {
    var clauses: [AcceptClause] = []
    for part in considered(header).split(separator: ",", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: ";", omittingEmptySubsequences: false)
      let range = pieces[0].split(separator: "/", omittingEmptySubsequences: false).map { trimmed($0) }
      var clause = AcceptClause()
      switch range.count {
      case 1 where range[0] == "*": (clause.type, clause.subtype) = ("*", "*")
      case 2: (clause.type, clause.subtype) = (range[0], range[1])
      default: continue
      }
      for piece in pieces.dropFirst() {
        let sides = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2 else { continue }
        let name = trimmed(sides[0])
        let value = trimmed(sides[1])
        if name == "q" {
          clause.quality = Double(value) ?? 0
        } else {
          clause.parameters.append((name, value))
        }
      }
      clauses.append(clause)
    }
    guard clauses.count <= insertionMax else {
      return clauses.enumerated().sorted { a, b in
        let (x, y) = (a.element, b.element)
        if x.quality != y.quality { return x.quality > y.quality }
        return (x.stars, a.offset) < (y.stars, b.offset)
      }.map(\.element)
    }
    for i in clauses.indices.dropFirst() {
      var j = i
      while j > 0, clauses[j].precedes(clauses[j - 1]) {
        clauses.swapAt(j, j - 1)
        j -= 1
      }
    }
    return clauses
  }

  private static let insertionMax = 12

  private var stars: Int { (type == "*" ? 2 : 0) + (subtype == "*" ? 1 : 0) }

  private func precedes(_ other: AcceptClause) -> Bool {
    if quality > other.quality { return true }
    if type != "*" && other.type == "*" { return true }
    return subtype != "*" && other.subtype == "*"
  }

  static func trimmed(_ text: Substring) -> String {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
    guard let first = text.utf8.firstIndex(where: { !isSpace($0) }),
      let last = text.utf8.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(text[first...last])
  }
}
