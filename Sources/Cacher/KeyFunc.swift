/// Where an object stands, as watchers ask for it; an empty member of a watcher's scope means any.
public struct KeyScope: Hashable, Sendable {
  public var namespace: String
  public var name: String
  public init(namespace: String = "", name: String = "") {
    self.namespace = namespace
    self.name = name
  }
}

/// Where the objects of a resource stand among the keys, both ways: the one place that knows it. (Kubernetes:
/// `KeyRootFunc` and `KeyFunc`.)
public struct KeyFunc: Sendable, Equatable {
  /// What every key begins with, ending in `/`.
  public let prefix: String
  /// Does a namespace stand before the name?
  public let isNamespaced: Bool

  public init(prefix: String, isNamespaced: Bool) {
    precondition(prefix.utf8.last == UInt8(ascii: "/"), "resource prefix \(prefix) must end in a slash")
    self.prefix = prefix
    self.isNamespaced = isNamespaced
  }

  /// The whole key of an object.
  public func key(_ name: String, namespace: String) -> String {
    guard isNamespaced else { return prefix + name }
    // Made for every GET: with one allocation.
    var key = ""
    key.reserveCapacity(prefix.utf8.count + namespace.utf8.count + 1 + name.utf8.count)
    key += prefix
    key += namespace
    key += "/"
    key += name
    return key
  }

  /// What the keys of a namespace's objects begin with, or of all.
  public func prefix(namespace: String) -> String {
    isNamespaced && !namespace.isEmpty ? "\(prefix)\(namespace)/" : prefix
  }

  /// Whose key it is: the name is what follows the last `/`, the namespace what stands before it.
  public func scope(of key: String) -> KeyScope {
    let rest = key.utf8.dropFirst(prefix.utf8.count)
    guard let slash = rest.lastIndex(of: UInt8(ascii: "/")) else { return KeyScope(name: String(Substring(rest))) }
    return KeyScope(
      namespace: String(Substring(rest[..<slash])), name: String(Substring(rest[rest.index(after: slash)...])))
  }
}
