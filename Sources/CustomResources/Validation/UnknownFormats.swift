public import JSON
import Machinery

/// Formats in a definition's schemas that nobody checks: they are accepted, and a client is warned.
/// (apiextensions-apiserver: `pkg/apiserver/validation.GetUnrecognizedFormats`)
public enum UnknownFormats {
  /// A warning for each; an update is told of those that were not there before.
  public static func warnings(_ definition: JSONValue, old: JSONValue?) -> [String] {
    let before = Set((old.map(formats) ?? []).map { ByteString($0) })
    return formats(definition).filter { !before.contains(ByteString($0)) }
      .map { "unrecognized format \(GoText.quoted($0))" }
  }

  private static func formats(_ definition: JSONValue) -> [String] {
    var found: [String] = []
    for schema in OlderSpec(definition["spec"] ?? .null).schemas {
      _ = SchemaTree.has(schema) { schema in
        let format = schema.text("format")
        if !format.isEmpty, ValueFormat(format, of: schema.text("type")) == nil { found.append(format) }
        return false
      }
    }
    return found
  }
}
