/// What stands where in a request's path, by the grammar of Kubernetes' paths: the one parser of them. Router and
/// authorizers both go by what it has found, so that what is asked about is what would be served. It looks at bytes
/// alone, allocates nothing, and knows nothing of what is served. (apiserver `request.RequestInfoFactory`.)
///
///     /api/VERSION/RESOURCE[/NAME[/SUBRESOURCE]]
///     /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE[/NAME[/SUBRESOURCE]]
///     /api/VERSION/watch/…, /api/VERSION/proxy/…
///
/// Several slashes count as one. Ranges count from the path's first byte, and are empty for what is not there.
public struct ResourcePath: Sendable {
  /// A verb that stands in the path.
  public enum Special: Sendable { case none, watch, proxy }

  /// False for a path that is about no resource: then only `first`, `second`, `third` and `count` say something.
  public private(set) var isResource = false
  public private(set) var special = Special.none
  /// A verb in the path has nothing behind it: kube-apiserver answers such a path with an error before it asks anything
  /// else.
  public private(set) var isIncomplete = false
  /// Does the resource stand behind `namespaces/NAMESPACE/`?
  public private(set) var isInNamespace = false
  /// Is there more behind the sub-resource?
  public private(set) var hasMore = false
  /// Is there a percent sign? Then this is no parse of what is asked for, unless the path was decoded before.
  public private(set) var hasPercent = false

  public private(set) var group = 0..<0
  public private(set) var version = 0..<0
  public private(set) var namespace = 0..<0
  public private(set) var resource = 0..<0
  public private(set) var name = 0..<0
  public private(set) var subresource = 0..<0

  /// How many parts the path has.
  public private(set) var count = 0
  public private(set) var first = 0..<0
  public private(set) var second = 0..<0
  public private(set) var third = 0..<0

  /// `apis`, group, version, verb, `namespaces`, namespace, resource, name, sub-resource.
  private static let partsMax = 9

  /// `path`: without the query, decoded.
  public init(_ path: UnsafeRawBufferPointer) {
    var parts = InlineArray<9, Range<Int>>(repeating: 0..<0)
    var start = 0
    for place in 0...path.count {
      if place < path.count {
        if path[place] == UInt8(ascii: "%") { hasPercent = true }
        guard path[place] == UInt8(ascii: "/") else { continue }
      }
      if place > start {
        if count < Self.partsMax { parts[count] = start..<place }
        count += 1
      }
      start = place + 1
    }
    if count > 0 { first = parts[0] }
    if count > 1 { second = parts[1] }
    if count > 2 { third = parts[2] }
    guard count >= 3 else { return }
    var next = 1
    if Self.equals(path, first, "apis") {
      guard count >= 4 else { return }
      group = second
      next = 2
    } else if !Self.equals(path, first, "api") {
      return
    }
    isResource = true
    version = parts[next]
    next += 1
    if Self.equals(path, parts[next], "watch") { special = .watch }
    if Self.equals(path, parts[next], "proxy") { special = .proxy }
    if special != .none {
      next += 1
      guard next < count else {
        isIncomplete = true
        return
      }
    }
    if count - next > 1, Self.equals(path, parts[next], "namespaces") {
      namespace = parts[next + 1]
      // What follows a namespace is a resource in it, unless it is a part of the namespace itself.
      if count - next > 2, !Self.equals(path, parts[next + 2], "status"),
        !Self.equals(path, parts[next + 2], "finalize")
      {
        isInNamespace = true
        next += 2
      }
    }
    resource = parts[next]
    if count - next > 1 { name = parts[next + 1] }
    if count - next > 2 && special != .proxy { subresource = parts[next + 2] }
    hasMore = count - next > 3
  }

  private static func equals(_ path: UnsafeRawBufferPointer, _ range: Range<Int>, _ word: StaticString) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    for place in 0..<range.count where path[range.lowerBound + place] != word.utf8Start[place] { return false }
    return true
  }
}

extension UnsafeRawBufferPointer {
  /// A part of a path.
  public func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

  /// The same as text; bytes that are no UTF-8 are replaced.
  public func text(_ range: Range<Int>) -> String { String(decoding: part(range), as: UTF8.self) }
}
