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
        if !format.isEmpty, !isKnown(format, of: schema.text("type")) { found.append(format) }
        return false
      }
    }
    return found
  }

  private static func isKnown(_ format: String, of type: String) -> Bool {
    switch type {
    // Dashes do not count.
    case "", "string": texts.contains(ByteString(String(format.filter { $0 != "-" })))
    case "integer": ["int32", "int64"].contains(format)
    case "number": ["float", "double"].contains(format)
    default: false
    }
  }

  private static let texts = Set(
    [
      "bsonobjectid", "uri", "email", "hostname", "ipv4", "ipv6", "cidr", "mac", "uuid", "uuid3", "uuid4", "uuid5",
      "isbn", "isbn10", "isbn13", "creditcard", "ssn", "hexcolor", "rgbcolor", "byte", "password", "date", "duration",
      "datetime", "k8sshortname", "k8slongname",
    ].map { ByteString($0) })
}
