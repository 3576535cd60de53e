import Cacher
public import Registry

/// Which object of a resource: what controllers queue.
public struct ObjectName: Hashable, Sendable, CustomStringConvertible {
  private let space: ByteString
  private let own: ByteString

  /// `namespace`: empty for what stands in none.
  public init(_ name: String, namespace: String = "") {
    own = ByteString(name)
    space = ByteString(namespace)
  }

  public var name: String { own.text }
  public var namespace: String { space.text }
  public var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}

extension Store {
  /// Whose key it is.
  public func objectName(of key: String) -> ObjectName {
    let scope = keyFunc.scope(of: key)
    return ObjectName(scope.name, namespace: scope.namespace)
  }
}
