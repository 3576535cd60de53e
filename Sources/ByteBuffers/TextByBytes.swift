import Glibc

// Swift takes texts for equal that are canonically equivalent: U+212A (KELVIN SIGN) is its "K", and "/" with an accent
// after it no "/". Names, keys, paths and users are other than that: bytes, as in Go. So what follows stands in the
// place of the standard library's operators and methods of the same name, in every file that sees this module, which
// each target exports to its own files (`Bytes.swift`): `==`, `<`, `switch`, `contains`, and what the compiler derives
// for `Equatable`, go by bytes without a thought. Only generic code, and so tuples, still goes by equivalence:
// `Dictionary` and `Set` take `ByteString` for their keys.

/// Do both hold the same bytes? They are as long as each other.
@usableFromInline func haveSameBytes(_ a: String.UTF8View, _ b: String.UTF8View) -> Bool {
  let answer: Bool?? = a.withContiguousStorageIfAvailable { x in
    b.withContiguousStorageIfAvailable { y in
      guard x.count == y.count, let p = x.baseAddress, let q = y.baseAddress else { return x.count == y.count }
      return memcmp(p, q, x.count) == 0
    }
  }
  if case .some(.some(let answer)) = answer { return answer }
  return a.elementsEqual(b)
}

/// Below 0 where `a` comes first by bytes, 0 for the same, above 0 otherwise.
@usableFromInline func byteOrder(_ a: String.UTF8View, _ b: String.UTF8View) -> Int {
  let answer: Int?? = a.withContiguousStorageIfAvailable { x in
    b.withContiguousStorageIfAvailable { y in
      if let p = x.baseAddress, let q = y.baseAddress {
        let order = memcmp(p, q, min(x.count, y.count))
        if order != 0 { return Int(order) }
      }
      return x.count - y.count
    }
  }
  if case .some(.some(let answer)) = answer { return answer }
  return a.lexicographicallyPrecedes(b) ? -1 : a.elementsEqual(b) ? 0 : 1
}

extension String {
  @inlinable public static func == (a: String, b: String) -> Bool {
    a.utf8.count == b.utf8.count && haveSameBytes(a.utf8, b.utf8)
  }
  @inlinable public static func != (a: String, b: String) -> Bool { !(a == b) }
  @inlinable public static func < (a: String, b: String) -> Bool { byteOrder(a.utf8, b.utf8) < 0 }
  @inlinable public static func > (a: String, b: String) -> Bool { byteOrder(a.utf8, b.utf8) > 0 }
  @inlinable public static func <= (a: String, b: String) -> Bool { byteOrder(a.utf8, b.utf8) <= 0 }
  @inlinable public static func >= (a: String, b: String) -> Bool { byteOrder(a.utf8, b.utf8) >= 0 }
  @inlinable public static func ~= (pattern: String, text: String) -> Bool { pattern == text }
}

@inlinable public func == (a: some StringProtocol, b: some StringProtocol) -> Bool { a.utf8.elementsEqual(b.utf8) }
@inlinable public func != (a: some StringProtocol, b: some StringProtocol) -> Bool { !a.utf8.elementsEqual(b.utf8) }
@inlinable public func < (a: some StringProtocol, b: some StringProtocol) -> Bool {
  a.utf8.lexicographicallyPrecedes(b.utf8)
}

extension Substring {
  @inlinable public static func == (a: Substring, b: Substring) -> Bool { a.utf8.elementsEqual(b.utf8) }
  @inlinable public static func != (a: Substring, b: Substring) -> Bool { !a.utf8.elementsEqual(b.utf8) }
  @inlinable public static func < (a: Substring, b: Substring) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
  @inlinable public static func ~= (pattern: Substring, text: Substring) -> Bool { pattern == text }
}

@inlinable public func == (a: String?, b: String?) -> Bool {
  switch (a, b) {
  case (let a?, let b?): a == b
  case (nil, nil): true
  default: false
  }
}
@inlinable public func != (a: String?, b: String?) -> Bool { !(a == b) }
@inlinable public func ~= (pattern: String?, text: String?) -> Bool { pattern == text }

@inlinable public func == (a: Substring?, b: Substring?) -> Bool {
  switch (a, b) {
  case (let a?, let b?): a == b
  case (nil, nil): true
  default: false
  }
}
@inlinable public func != (a: Substring?, b: Substring?) -> Bool { !(a == b) }
@inlinable public func ~= (pattern: Substring?, text: Substring?) -> Bool { pattern == text }

// Of these the compiler would take the standard library's where one side is a literal.
@inlinable public func == (a: String?, b: String) -> Bool { a.map { $0 == b } ?? false }
@inlinable public func != (a: String?, b: String) -> Bool { !(a == b) }
@inlinable public func == (a: String, b: String?) -> Bool { b.map { $0 == a } ?? false }
@inlinable public func != (a: String, b: String?) -> Bool { !(a == b) }
@inlinable public func == (a: Substring?, b: Substring) -> Bool { a.map { $0 == b } ?? false }
@inlinable public func != (a: Substring?, b: Substring) -> Bool { !(a == b) }
@inlinable public func == (a: Substring, b: Substring?) -> Bool { b.map { $0 == a } ?? false }
@inlinable public func != (a: Substring, b: Substring?) -> Bool { !(a == b) }

@inlinable public func == (a: [String], b: [String]) -> Bool { a.count == b.count && zip(a, b).allSatisfy { $0 == $1 } }
@inlinable public func != (a: [String], b: [String]) -> Bool { !(a == b) }

@inlinable public func == (a: [String]?, b: [String]?) -> Bool {
  switch (a, b) {
  case (let a?, let b?): a == b
  case (nil, nil): true
  default: false
  }
}
@inlinable public func != (a: [String]?, b: [String]?) -> Bool { !(a == b) }

extension Sequence where Element == String {
  @inlinable public func contains(_ text: String) -> Bool { contains { $0 == text } }
  @inlinable public func sorted() -> [String] { sorted { $0 < $1 } }
  @inlinable public func min() -> String? { self.min { $0 < $1 } }
  @inlinable public func max() -> String? { self.max { $0 < $1 } }
}

extension Collection where Element == String {
  @inlinable public func firstIndex(of text: String) -> Index? { firstIndex { $0 == text } }
}

extension BidirectionalCollection where Element == String {
  @inlinable public func lastIndex(of text: String) -> Index? { lastIndex { $0 == text } }
}

extension Sequence where Element == Substring {
  @inlinable public func contains(_ text: Substring) -> Bool { contains { $0 == text } }
  @inlinable public func sorted() -> [Substring] { sorted { $0 < $1 } }
  @inlinable public func min() -> Substring? { self.min { $0 < $1 } }
  @inlinable public func max() -> Substring? { self.max { $0 < $1 } }
}

extension Collection where Element == Substring {
  @inlinable public func firstIndex(of text: Substring) -> Index? { firstIndex { $0 == text } }
}

extension BidirectionalCollection where Element == Substring {
  @inlinable public func lastIndex(of text: Substring) -> Index? { lastIndex { $0 == text } }
}

extension Array where Element == String {
  @inlinable public mutating func sort() { sort { $0 < $1 } }
}

/// Where the member stands that the set takes for `text`.
@usableFromInline func place<Text: Hashable>(of text: Text, in set: Set<Text>) -> Set<Text>.Index? {
  set.firstIndex(of: text)
}

// For sets of names that are written out. Of two texts from outside that are equivalent it would keep one: they are for
// `Set<ByteString>`.
extension Set where Element == String {
  @inlinable public func contains(_ text: String) -> Bool {
    place(of: text, in: self).map { self[$0] == text } ?? false
  }
}

// Of parts of texts: what is looked for is found wherever its bytes stand, not only between characters as a reader sees
// them. Places are counted in code points.
extension StringProtocol {
  @inlinable public func hasPrefix(_ prefix: some StringProtocol) -> Bool { utf8.starts(with: prefix.utf8) }
  @inlinable public func hasSuffix(_ suffix: some StringProtocol) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }
  /// Where `part` first stands; nothing for an empty one.
  public func firstRange(of part: some StringProtocol) -> Range<Index>? {
    let (all, wanted) = (utf8, part.utf8)
    guard let first = wanted.first else { return nil }
    var start = all.startIndex
    while let found = all[start...].firstIndex(of: first) {
      let rest = all[found...]
      if rest.starts(with: wanted) { return found..<all.index(found, offsetBy: wanted.count) }
      start = all.index(after: found)
    }
    return nil
  }
  public func contains(_ part: some StringProtocol) -> Bool { part.isEmpty || firstRange(of: part) != nil }
  public func contains(_ part: String) -> Bool { part.isEmpty || firstRange(of: part) != nil }
  public func contains(_ character: Character) -> Bool { firstRange(of: String(character)) != nil }
  public func firstIndex(of character: Character) -> Index? { firstRange(of: String(character))?.lowerBound }
  public func lastIndex(of character: Character) -> Index? {
    let scalars = character.unicodeScalars
    guard scalars.count == 1, let wanted = scalars.first else { return nil }
    return unicodeScalars.lastIndex(of: wanted)
  }
}

extension String {
  @inlinable public func hasPrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
  @inlinable public func hasSuffix(_ suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }
}

extension Substring {
  @inlinable public func hasPrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
  @inlinable public func hasSuffix(_ suffix: String) -> Bool {
    utf8.count >= suffix.utf8.count && utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
  }
}

extension StringProtocol where SubSequence == Substring {
  public func dropFirst(_ count: Int = 1) -> Substring {
    self[
      (unicodeScalars.index(unicodeScalars.startIndex, offsetBy: count, limitedBy: unicodeScalars.endIndex)
        ?? unicodeScalars.endIndex)...]
  }
  public func dropLast(_ count: Int = 1) -> Substring {
    self[
      ..<(unicodeScalars.index(unicodeScalars.endIndex, offsetBy: -count, limitedBy: unicodeScalars.startIndex)
        ?? unicodeScalars.startIndex)]
  }

  /// The parts between a separator of one code point or more.
  public func split(
    separator: some StringProtocol, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true
  ) -> [Substring] {
    var parts: [Substring] = []
    var rest = self[...]
    while parts.count < maxSplits, let found = rest.firstRange(of: separator) {
      if !omittingEmptySubsequences || found.lowerBound > rest.startIndex { parts.append(rest[..<found.lowerBound]) }
      rest = rest[found.upperBound...]
    }
    if !omittingEmptySubsequences || !rest.isEmpty { parts.append(rest) }
    return parts
  }
  public func split(separator: Character, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true) -> [Substring]
  {
    split(separator: String(separator), maxSplits: maxSplits, omittingEmptySubsequences: omittingEmptySubsequences)
  }
}

extension String {
  /// Without blanks at both ends.
  public var trimmingBlanks: String {
    let isBlank = { (character: Character) in
      character == " " || character == "\t" || character == "\n" || character == "\r"
    }
    return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }
}
