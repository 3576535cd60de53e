import ByteBuffers
import JSON

/// What was given and can't be seen in what is made of it.
///
/// Lists and maps that are empty: Go has them apart from those that were never there, though it writes neither; some
/// rules do, and messages show the one as `[]` or `{}` and the other as `null`. And raw JSON that is not written as it
/// will be stored: Go compares that byte by byte.
extension Decoder {
  struct Trace {
    enum Kind { case list, map, looseRaw }
    let path: [PathPart]
    let kind: Kind

    var leaf: JSONValue {
      switch kind {
      case .list: .array([])
      case .map: .object(JSONObject())
      case .looseRaw: true
      }
    }
  }

  /// An empty member of a struct. Not inlined: hardly any body has one.
  @inline(never)
  mutating func noteEmpty(_ row: Int, of id: Int, isList: Bool) {
    note(path + [.field(row, of: id)], isList ? .list : .map)
  }

  /// Raw JSON, where the decoder is.
  mutating func noteLooseRaw() {
    // Upstream reads field owners.
    if case .field(let row, _)? = path.last, tables.fields[row].name == "fieldsV1" { return }
    note(path, .looseRaw)
  }

  private mutating func note(_ path: [PathPart], _ kind: Trace.Kind) {
    traceSteps += path.count
    guard traceSteps <= DecodeLimits.maxTraceSteps else { return }
    traces.append(Trace(path: path, kind: kind))
  }

  /// See `Decoded.traces`.
  func tracesTree() -> JSONValue? { traces.isEmpty ? nil : tree(traces, 0) }

  /// Of paths that are the same so far.
  private func tree(_ paths: [Trace], _ depth: Int) -> JSONValue {
    if let end = paths.first(where: { $0.path.count == depth }) {
      return end.leaf
    }
    var members: [JSONObject.Member] = []
    var inMember: [ByteString: [Trace]] = [:]
    var inElement: [Int: [Trace]] = [:]
    for one in paths {
      switch one.path[depth] {
      case .index(let place): inElement[place, default: []].append(one)
      case .field(let row, _): inMember[ByteString(tables.fields[row].name), default: []].append(one)
      case .key(let name): inMember[ByteString(source.text(name)), default: []].append(one)
      }
    }
    if let last = inElement.keys.max() {
      return .array((0...last).map { place in inElement[place].map { tree($0, depth + 1) } ?? .null })
    }
    members.reserveCapacity(inMember.count)
    for (name, those) in inMember { members.append(JSONObject.Member(name.text, tree(those, depth + 1))) }
    return .object(JSONObject(unchecked: members))
  }
}
