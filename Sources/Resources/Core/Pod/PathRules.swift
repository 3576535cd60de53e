import Machinery
import Registry

/// Rules for paths in file systems.
enum PathRules {
  /// (`validatePathNoBacksteps`)
  static func noBacksteps(_ path: String) -> [String] {
    // A path with a step back has two dots in it, and few paths have.
    guard path.utf8.contains(UInt8(ascii: ".")) else { return [] }
    let isBad = path.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
    return isBad ? ["must not contain '..'"] : []
  }

  /// A path below somewhere. (`validateLocalDescendingPath`)
  static func descending(_ path: String) -> [String] {
    (path.utf8.first == UInt8(ascii: "/") ? ["must be a relative path"] : []) + noBacksteps(path)
  }

  /// A path below somewhere that does not begin with dots. (`ValidateLocalNonReservedPath`)
  static func localName(_ path: String) -> [String] {
    descending(path) + (path.hasPrefix("..") && !path.hasPrefix("../") ? ["must not start with '..'"] : [])
  }

  static let noBackstepsFormat = TextFormat(noBacksteps)
  static let descendingFormat = TextFormat(descending)
  static let localNameFormat = TextFormat(localName)

  /// What a file may be allowed to.
  static let mode = Rule.between(0, 0o777, "must be a number between 0 and 0777 (octal), both inclusive")
}
