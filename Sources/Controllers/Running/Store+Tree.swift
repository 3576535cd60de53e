public import Cacher
public import JSON
public import Machinery
public import Registry

extension Store {
  /// An object as clients see it in this version, to be read or changed.
  public func tree(of object: CachedObject) throws(Status) -> JSONValue {
    do { return try JSONValue(parsing: shown(object).object) } catch { throw .internalError("\(error)") }
  }
}
