public import JSON
public import Machinery

/// A configuration file that can't be used: where and why, in kube-apiserver's words where it has some. It shows no
/// secret.
public struct ConfigurationProblem: Error, Equatable, CustomStringConvertible {
  public let description: String
  public init(description: String) { self.description = description }
  public init(_ error: FieldError) { description = error.message }
}

/// What every kind of configuration file is asked first. (apimachinery's strict decoding.)
public enum ConfigurationTree {
  /// Is it of the kind, and of one of the versions, of which the first is recommended? `duplicates`: complaints of
  /// names given twice, which only the text shows.
  public static func check(
    _ tree: JSONValue, kind wanted: String, versions: [String], duplicates: [String]
  ) throws(ConfigurationProblem) {
    if let first = duplicates.first { throw ConfigurationProblem(description: "strict decoding error: \(first)") }
    let (kind, version) = (tree["kind"]?.string ?? "", tree["apiVersion"]?.string ?? "")
    guard kind == wanted, versions.contains(version) else {
      let rest = "it must be \(wanted) of \(versions.first ?? "")"
      throw ConfigurationProblem(
        description: "no kind \(GoText.quoted(kind)) is registered for version \(GoText.quoted(version)): \(rest)")
    }
  }

  /// An object with no members but these. `path`: how complaints name it; empty for the file itself.
  public static func check(_ value: JSONValue, _ path: String, _ members: Set<ByteString>) throws(ConfigurationProblem)
  {
    guard let object = value.object else { throw ConfigurationProblem(description: "\(path): it must be an object") }
    if let unknown = object.members.first(where: { !members.contains($0.name) }) {
      throw ConfigurationProblem(
        description:
          "strict decoding error: unknown field \(GoText.quoted(path.isEmpty ? unknown.name : "\(path).\(unknown.name)"))"
      )
    }
  }

  /// The items of a list; none where nothing is said.
  public static func items(_ value: JSONValue?, _ path: String) throws(ConfigurationProblem) -> [JSONValue] {
    guard let value, !value.isNull else { return [] }
    guard let items = value.array else { throw ConfigurationProblem(description: "\(path): it must be a list") }
    return items
  }
}
