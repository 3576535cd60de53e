import ByteBuffers
import JSON

/// A field that selectors may ask for.
public struct SelectableField: Sendable {
  /// As clients name it: `spec.unschedulable`.
  public let name: String
  let value: @Sendable (FieldReader) -> String

  /// The member of that name. `missing`: its value where it is not there.
  public init(_ name: String, missing: String = "") {
    let path = name.split(separator: ".").map(String.init)
    self.init(name) { $0.text(path) ?? missing }
  }

  /// What `value` makes of the object.
  public init(_ name: String, value: @escaping @Sendable (FieldReader) -> String) {
    self.name = name
    self.value = value
  }
}

/// All fields of a resource that selectors may ask for: `metadata.name`, `metadata.namespace` where there is one, and
/// its own.
public struct SelectableFields: Sendable {
  /// How a selector is refused that asks for another field. (Each kind's `AddFieldLabelConversionFunc`.)
  public enum Complaint: Sendable {
    /// `"X" is not a known field selector: only "metadata.name", "metadata.namespace"`
    case known
    /// `field label not supported: X`
    case label
    case custom(@Sendable (String) -> String)
  }

  public let names: [String]
  private let fields: [SelectableField]
  private let complaint: Complaint

  init(_ own: [SelectableField], isNamespaced: Bool, complaint: Complaint) {
    fields = [SelectableField("metadata.name")] + (isNamespaced ? [SelectableField("metadata.namespace")] : []) + own
    names = fields.map(\.name)
    self.complaint = complaint
  }

  /// The fields of an object with their values.
  func values(_ reader: FieldReader) -> [(name: String, value: String)] { fields.map { ($0.name, $0.value(reader)) } }

  /// Why a field can't be selected by; nil for one that can. Upstream knows `metadata.namespace` everywhere.
  func problem(with name: String) -> String? {
    if names.contains(name) { return nil }
    switch complaint {
    case .known where name == "metadata.namespace": return nil
    case .known: return "\"\(name)\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    case .label: return "field label not supported: \(name)"
    case .custom(let text): return text(name)
    }
  }
}
