public import JSON
public import Machinery

/// Says what is wrong with the values of an object, by its schema. (kube-openapi: `validate.SchemaValidator`;
/// apiextensions-apiserver: `ValidateCustomResource`, with ratcheting)
///
/// No path is written until something is wrong. Recursion follows the value, whose depth is bounded where it is read.
public final class SchemaValidator: Sendable {
  private let check: ValueCheck
  private let schema: StructuralSchema

  /// `isForDefaults`: of the values that a definition gives.
  public init(_ schema: StructuralSchema, isForDefaults: Bool = false) {
    self.schema = schema
    check = ValueCheck(schema, isForDefaults: isForDefaults)
  }

  /// What was found.
  public struct Findings: Sendable {
    public var errors: [FieldError] = []
    /// Was there anything that keeps rules from being asked?
    public var blocksRules = false
  }

  /// `old`: what the value replaces, whose faults may stay where nothing changes. `root`: where the value stands, empty
  /// for a whole object.
  public func findings(_ value: JSONValue, replacing old: JSONValue? = nil, at root: String = "") -> Findings {
    var walk = ValueWalk()
    let faults = walk.faults(check, value, old.map { Correlated($0, schema) }, isRoot: root.isEmpty)
    return Findings(
      errors: faults.list.map { $0.error(at: root) }, blocksRules: faults.list.contains { $0.blocksRules })
  }
}
