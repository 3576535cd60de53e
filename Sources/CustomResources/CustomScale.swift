public import JSON
import Machinery
public import Registry

/// Where a kind that a client has defined says how many there shall be of something. Paths as definitions have them:
/// `.spec.replicas`. (apiextensions: `CustomResourceSubresourceScale`)
public struct CustomScale: Sendable, Equatable {
  public let specReplicas: String
  public let statusReplicas: String
  /// Where the selector of what counts stands as text; empty for nowhere.
  public let labelSelector: String

  public init(specReplicas: String, statusReplicas: String, labelSelector: String = "") {
    self.specReplicas = specReplicas
    self.statusReplicas = statusReplicas
    self.labelSelector = labelSelector
  }

  /// That of a definition's version; nil where it has none.
  public init?(version: JSONValue) {
    guard let scale = version["subresources"]?["scale"], scale.object != nil else { return nil }
    self.init(
      specReplicas: scale["specReplicasPath"]?.string ?? "", statusReplicas: scale["statusReplicasPath"]?.string ?? "",
      labelSelector: scale["labelSelectorPath"]?.string ?? "")
  }

  /// The names in a path.
  static func members(of path: String) -> [String] {
    path.drop { $0 == "." && path.first == "." }.split(separator: ".", omittingEmptySubsequences: false).map(
      String.init)
  }

  /// What stands for a number that was not there when a write began.
  private static let missing = Int64(Int32.min)

  /// The part of the kind. `replicas`: by apiVersion, where the number stands in each version of the kind, as
  /// `specReplicas`; nil for a version without a scale. (`customresource.ScaleREST`)
  public func subresource(replicas: [String: String?], isNamespaced: Bool) -> SubresourceDefinition {
    var refusals = SubresourceView.Refusals()
    refusals.otherType =
      "no kind is registered for the type v1.Scale in scheme "
      + GoText.quoted("k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go:781")
    refusals.application = "request to convert CR to an invalid group/version: autoscaling/v1"
    refusals.refusesOtherUID = false
    let number = Self.members(of: specReplicas)
    return .viewed(
      Subresource("scale"),
      as: SubresourceView(
        GroupVersionKind(GroupVersion(group: "autoscaling", version: "v1"), kind: "Scale"),
        typeName: "io.k8s.api.autoscaling.v1.Scale", plural: "scales", isNamespaced: isNamespaced,
        columns: Self.columns,
        field: ["spec", "replicas"], at: replicas.mapValues { $0.map(Self.members) ?? [] },
        refusals: refusals,
        show: { object throws(Status) in
          guard let wanted = try Self.number(object, number) else {
            throw .internalError("the spec replicas field \(GoText.quoted(specReplicas)) does not exist")
          }
          return try content(object, wanted: wanted)
        },
        begin: { object throws(Status) in
          try content(object, wanted: try Self.number(object, number) ?? Self.missing)
        },
        take: { object, scale throws(Status) in
          let wanted = scale["spec"]?["replicas"]?.int ?? 0
          if wanted == Self.missing {
            throw .badRequest("the spec replicas field \(GoText.quoted(specReplicas)) cannot be empty")
          }
          try Self.set(.int(wanted), at: number[...], in: &object)
        }))
  }

  private func content(_ object: JSONValue, wanted: Int64) throws(Status) -> JSONValue {
    let current = try Self.number(object, Self.members(of: statusReplicas)) ?? 0
    var status: JSONObject = ["replicas": .int(Self.small(current))]
    if !labelSelector.isEmpty, let selector = try Self.text(object, Self.members(of: labelSelector)), !selector.isEmpty
    {
      status["selector"] = .string(selector)
    }
    let small = Self.small(wanted)
    return ["spec": small == 0 ? [:] : ["replicas": .int(small)], "status": .object(status)]
  }

  /// As Go makes an int32 of it.
  private static func small(_ number: Int64) -> Int64 { Int64(Int32(truncatingIfNeeded: number)) }

  private static let columns = [
    TableColumn.name,
    TableColumn("Desired", type: "integer", description: "How many there shall be.") { object, _ in
      object["spec"]?["replicas"]?.int.map { .int($0) } ?? .null
    },
    TableColumn("Available", type: "integer", description: "How many there are.") { object, _ in
      object["status"]?["replicas"]?.int.map { .int($0) } ?? .null
    },
    TableColumn("Age", type: "date", description: TableColumn.age.description, cell: TableColumn.age.cell),
  ]

  // MARK: objects

  /// What is wrong with the numbers of an object, and with its selector. `isStatus`: the status alone is written.
  /// (`ValidateScaleSpec`, `ValidateScaleStatus`)
  func problems(_ object: JSONValue, isStatus: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    for path in (isStatus ? [] : [specReplicas]) + [statusReplicas] {
      do throws(Status) {
        let number = try Self.number(object, Self.members(of: path)) ?? 0
        func complain(_ why: String) { errors.append(.invalid(path, bare: String(number), why)) }
        if number < 0 { complain("should be a non-negative integer") }
        if number > Int64(Int32.max) { complain("should be less than or equal to \(Int32.max)") }
      } catch { errors.append(.invalid(path, bare: "0", error.message)) }
    }
    if !labelSelector.isEmpty {
      do throws(Status) { _ = try Self.text(object, Self.members(of: labelSelector)) } catch {
        errors.append(.invalid(labelSelector, "", error.message))
      }
    }
    return errors
  }

  // MARK: values by their paths

  private static func number(_ object: JSONValue, _ path: [String]) throws(Status) -> Int64? {
    guard let value = try value(object, path) else { return nil }
    guard let number = value.int else { throw mistyped(value, path, "int64") }
    return number
  }

  private static func text(_ object: JSONValue, _ path: [String]) throws(Status) -> String? {
    guard let value = try value(object, path) else { return nil }
    guard let text = value.string else { throw mistyped(value, path, "string") }
    return text
  }

  /// nil where there is none. (`unstructured.NestedFieldNoCopy`)
  private static func value(_ object: JSONValue, _ path: [String]) throws(Status) -> JSONValue? {
    var value = object
    for (place, name) in path.enumerated() {
      if value.isNull { return nil }
      guard let members = value.object else {
        throw mistyped(value, Array(path[...place]), "map[string]interface{}")
      }
      guard let next = members[name] else { return nil }
      value = next
    }
    return value
  }

  /// Makes the maps that are missing on the way. (`unstructured.SetNestedField`)
  private static func set(
    _ value: JSONValue, at path: ArraySlice<String>, in object: inout JSONValue
  ) throws(Status) {
    guard let name = path.first else { return object = value }
    guard var members = object.object else {
      throw .plain(500, "value cannot be set because .\(path.joined(separator: ".")) is not a map[string]interface{}")
    }
    var next = members[name] ?? .object(JSONObject())
    try set(value, at: path.dropFirst(), in: &next)
    members[name] = next
    object = .object(members)
  }

  private static func mistyped(_ value: JSONValue, _ path: [String], _ expected: String) -> Status {
    let place = path.map { ".\($0)" }.joined()
    return .plain(
      500, "\(place) accessor error: \(GoText.value(value)) is of the type \(GoText.type(value)), expected \(expected)")
  }
}
