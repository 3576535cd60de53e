import ByteBuffers
public import JSON
public import Machinery
public import Registry

/// From a definition, as its object says it, to a resource that can be stored and served.
/// (apiextensions-apiserver: `crdHandler.getOrCreateServingInfoFor`)
public enum CustomResource {
  /// Why a definition can't be served.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// `definition`: a CustomResourceDefinition whose names are accepted. `conversion`: who converts between its versions;
  /// nil where they differ in apiVersion alone. `mayCreate`: throws why an object of a name can't be created.
  public static func resource(
    _ definition: JSONValue, conversion: (any ObjectConversion)? = nil,
    mayCreate: @escaping @Sendable (String) throws(Status) -> Void = { _ in }
  ) throws(Failure) -> ResourceDefinition {
    let spec = definition["spec"]
    let names = definition["status"]?["acceptedNames"]
    guard let group = spec?["group"]?.string, let plural = names?["plural"]?.string, !plural.isEmpty,
      let kind = names?["kind"]?.string, !kind.isEmpty
    else { throw Failure(description: "the definition has no accepted names") }
    let given = spec?["versions"]?.array ?? []
    guard let stored = given.firstIndex(where: { $0["storage"]?.bool == true }) else {
      throw Failure(description: "the definition has no stored version")
    }
    var versions: [ServedVersion] = []
    for place in [stored] + given.indices.filter({ $0 != stored }) {
      versions.append(
        version(given[place], among: given, group: group, kind: kind, isNamespaced: spec?["scope"] != "Cluster"))
    }
    var fields: [SelectableField] = []
    var known: Set<ByteString> = []
    for path in given.flatMap(selectablePaths) where known.insert(ByteString(name(of: path))).inserted {
      fields.append(SelectableField(name(of: path)))
    }
    func texts(_ member: String) -> [String] { (names?[member]?.array ?? []).compactMap(\.string) }
    return ResourceDefinition(
      "\(plural).\(group)", kind: kind, singular: names?["singular"]?.string,
      listKind: names?["listKind"]?.string, shortNames: texts("shortNames"), categories: texts("categories"),
      scope: spec?["scope"]?.string == "Cluster" ? .cluster : .namespaced, folder: "\(group)/\(plural)",
      versions: versions,
      verbs: ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
      puts: [.needVersion], selectableFields: fields, unknownField: .label,
      custom: CustomKind(
        conversion: conversion, hasOlderObjects: (definition["status"]?["storedVersions"]?.array ?? []).count > 1,
        mayCreate: mayCreate))
  }

  private static func selectablePaths(_ version: JSONValue) -> [String] {
    (version["selectableFields"]?.array ?? []).compactMap { $0["jsonPath"]?.string }
  }

  /// A selectable field is named by its path without the first dot.
  private static func name(of path: String) -> String { path.hasPrefix(".") ? String(path.dropFirst()) : path }

  private static func version(
    _ version: JSONValue, among all: [JSONValue], group: String, kind: String, isNamespaced: Bool
  ) -> ServedVersion {
    var subresources: [SubresourceDefinition] = []
    if version["subresources"]?["status"]?.object != nil { subresources.append(CustomVersion.status) }
    if let scale = CustomScale(version: version) {
      let paths = all.map { other -> (String, String?) in
        let name = "\(group)/\(other["name"]?.string ?? "")"
        return (name, other["subresources"]?["scale"]?["specReplicasPath"]?.string)
      }
      subresources.append(
        scale.subresource(
          replicas: Dictionary(paths, uniquingKeysWith: { first, _ in first }), isNamespaced: isNamespaced))
    }
    let name = version["name"]?.string ?? ""
    return ServedVersion(
      name, isServed: version["served"]?.bool ?? false,
      deprecation: deprecation(version, among: all, group: group, kind: kind),
      custom: CustomVersion(
        form: StructuralForm(version), subresources: subresources, columns: CustomColumns.columns(of: version),
        fields: Set(selectablePaths(version).map { ByteString(self.name(of: $0)) })))
  }

  /// (`defaultDeprecationWarning`)
  private static func deprecation(
    _ version: JSONValue, among all: [JSONValue], group: String, kind: String
  ) -> String? {
    guard version["deprecated"]?.bool == true else { return nil }
    if let text = version["deprecationWarning"]?.string { return text }
    let name = version["name"]?.string ?? ""
    let better = all.filter { $0["served"]?.bool == true && $0["deprecated"]?.bool != true }
      .compactMap { $0["name"]?.string }.filter { KubernetesVersion.precedes($0, name) }
    let start = "\(group)/\(name) \(kind) is deprecated"
    guard let best = better.min(by: KubernetesVersion.precedes) else { return start }
    return "\(start); use \(group)/\(best) \(kind)"
  }
}
