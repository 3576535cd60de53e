/// Finds the types that facts name: `core.v1.Node` is `io.k8s.api.core.v1.Node`, the last three parts of a name being
/// its own.
final class TypeLinker {
  /// By the short name, in the order of the facts.
  private var places: [Substring: Int] = [:]
  /// What was named and is nowhere, a line each.
  private(set) var holes: [String] = []

  /// `lines`: facts as scripts/generate-schema describes them.
  init(_ lines: [Substring]) {
    for line in lines where line.utf8.starts(with: "T ".utf8) {
      let name = line.dropFirst(2).prefix { $0 != " " }
      places[Self.short(name)] = places.count
    }
  }

  /// The place of the type that `name` is short for; nil, and noted, where there is none.
  func place(_ name: Substring, by type: String) -> Int? {
    if let place = places[name] { return place }
    holes.append("\(type) names \(name), of which there are no facts")
    return nil
  }

  private static func short(_ name: Substring) -> Substring {
    var dots = 0
    for place in name.utf8.indices.reversed() where name.utf8[place] == UInt8(ascii: ".") {
      dots += 1
      if dots == 3 { return name[name.utf8.index(after: place)...] }
    }
    return name
  }
}

extension TypeModel {
  /// Structs that contain themselves with no pointer, list or map between: their zero value has no end. A line each.
  static func endless(_ structures: [Structure]) -> [String] {
    /// Structs that stand in a struct as they are.
    let held = structures.map { structure in
      structure.fields.compactMap { field -> Int? in
        guard !field.isPointer, case .structure(let id) = field.shape else { return nil }
        return id.index
      }
    }
    enum Mark { case new, open, done }
    var marks = [Mark](repeating: .new, count: structures.count)
    var problems: [String] = []
    for root in structures.indices where marks[root] == .new {
      // A stack of our own: what the facts say must not decide how deep we call.
      var stack = [(type: root, next: 0)]
      marks[root] = .open
      while let (type, next) = stack.last {
        guard next < held[type].count else {
          marks[type] = .done
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let inner = held[type][next]
        switch marks[inner] {
        case .done: break
        case .open: problems.append("\(structures[inner].name) contains itself, by way of \(structures[type].name)")
        case .new:
          marks[inner] = .open
          stack.append((inner, 0))
        }
      }
    }
    return problems
  }
}
