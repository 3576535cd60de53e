import ByteBuffers
import JSON
import TestSupport

@testable import FieldManagement

/// Objects and sets of fields as flat tables of paths: a slow, plain statement of what the trees of FieldManagement do.
struct FlatModel {
  typealias Path = String
  let schema: RandomSchema

  struct Entry: Equatable {
    enum Kind: Equatable { case leaf, object, list }
    let kind: Kind
    /// nil for a container that has something in it.
    var value: JSONValue?
    /// A member of a struct, by its name in the type.
    let isNamed: Bool
    var isOwned: Bool

    static func == (a: Entry, b: Entry) -> Bool {
      switch (a.value, b.value) {
      case (nil, nil): a.kind == b.kind
      case (let x?, let y?): a.kind == b.kind && x.isSameValue(as: y)
      default: false
      }
    }
  }
  typealias Table = [Path: Entry]

  static func joined(_ path: [PathElement]) -> Path { path.map(\.text).joined(separator: "\n") }
  static func isBelow(_ path: Path, _ top: Path) -> Bool { path.hasPrefix(top + "\n") }

  static func paths(_ set: FieldSet) -> Set<Path> {
    var all = Set<Path>()
    set.forEach { all.insert(joined($0)) }
    return all
  }

  // MARK: objects

  func table(_ object: JSONValue) -> Table {
    var table = Table()
    members(object, 0, "", &table)
    return table
  }

  /// What whoever wrote the object owns by it.
  static func owned(_ table: Table) -> Set<Path> { Set(table.filter(\.value.isOwned).keys) }

  private func members(_ value: JSONValue, _ place: Int, _ path: Path, _ table: inout Table) {
    for member in value.object?.members ?? [] {
      guard let field = schema.structures[place][member.name] else { continue }
      let below = path.isEmpty ? "f:\(member.name)" : "\(path)\nf:\(member.name)"
      add(member.value, field.shape, field, below, isNamed: true, &table)
    }
  }

  private func add(
    _ value: JSONValue, _ shape: RandomSchema.Shape, _ field: RandomSchema.Field?, _ path: Path, isNamed: Bool,
    _ table: inout Table
  ) {
    let isEmpty = value.isNull || value.object?.isEmpty == true || value.array?.isEmpty == true
    func note(_ kind: Entry.Kind) {
      let isLeaf = kind == .leaf
      let ownedAsEmpty = value.isNull || value.object?.isEmpty == true
      table[path] = Entry(
        kind: kind, value: isLeaf || isEmpty ? value : nil, isNamed: isNamed,
        isOwned: isLeaf || !isNamed || ownedAsEmpty)
    }
    switch shape {
    case .structure(let place) where field?.isAtomic != true && !schema.structures[place].isAtomic:
      note(.object)
      members(value, place, path, &table)
    case .map(let item) where field?.isAtomic != true:
      note(.object)
      for member in value.object?.members ?? [] {
        add(member.value, item, nil, "\(path)\nf:\(member.name)", isNamed: false, &table)
      }
    case .list(let item):
      switch field?.list ?? .atomic {
      case .atomic: note(.leaf)
      case .set:
        note(.list)
        for element in value.array ?? [] {
          add(element, item, nil, "\(path)\nv:\(element.encoded().text)", isNamed: false, &table)
        }
      case .keyed(let keys):
        note(.list)
        for element in value.array ?? [] {
          let shown = keys.sorted().compactMap { key in
            (element[key] ?? (key == "d" ? "one" : nil)).map { "\"\(key)\":\($0.encoded().text)" }
          }
          add(element, item, nil, "\(path)\nk:{\(shown.joined(separator: ","))}", isNamed: false, &table)
        }
      }
    default: note(.leaf)
    }
  }

  // MARK: what is done with them

  struct Comparison {
    var added = Set<Path>()
    var modified = Set<Path>()
    var removed = Set<Path>()
  }

  static func compare(_ old: Table, _ new: Table) -> Comparison {
    var all = Comparison()
    for (path, entry) in new {
      guard let before = old[path] else {
        all.added.insert(path)
        continue
      }
      if let x = before.value, let y = entry.value, !x.isSameValue(as: y) { all.modified.insert(path) }
    }
    for path in old.keys where new[path] == nil { all.removed.insert(path) }
    return all
  }

  static func merge(_ old: Table, _ new: Table) -> Table {
    old.merging(new) { a, b in a.kind != .leaf && a.value == nil && b.value != nil ? a : b }
  }

  static func removing(_ paths: Set<Path>, _ table: Table) -> Table {
    var left = table.filter { path, _ in !paths.contains(path) && !paths.contains { isBelow(path, $0) } }
    for (path, entry) in left where entry.value == nil && !left.keys.contains(where: { isBelow($0, path) }) {
      left[path]?.value = entry.kind == .list ? [] : [:]
      if entry.kind == .object { left[path]?.isOwned = true }
    }
    return left
  }

  /// A set and the named members above its paths.
  func named(_ paths: Set<Path>, _ table: Table) -> Set<Path> {
    paths.union(
      paths.flatMap { path in
        table.filter { $0.value.isNamed && Self.isBelow(path, $0.key) }.map(\.key)
      })
  }

  /// What an apply leaves of `merged`, when the writer owned `last`, and all now own `owned`.
  func pruned(_ merged: Table, last: Set<Path>, owned: Set<Path>) -> Table {
    if last.isEmpty { return merged }
    let lastNamed = named(last, merged)
    let all = named(Self.owned(merged), merged)
    let pruned = Self.removing(lastNamed, merged)
    let left = named(Self.owned(pruned), merged)
    let kept = Self.removing(all.subtracting(left).subtracting(named(owned, merged)), merged)
    let keptSet = named(Self.owned(kept), merged)
    return Self.removing(all.subtracting(keptSet).intersection(lastNamed), merged)
  }
}
