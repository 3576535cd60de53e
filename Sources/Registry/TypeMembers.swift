public import JSON
public import Machinery

/// kind and apiVersion of a document, found before anything else is read of it. (`SimpleMetaFactory.Interpret`)
public struct TypeMembers: Sendable, Equatable {
  /// Empty where the document does not say.
  public var kind = ""
  public var groupVersion = GroupVersion(group: "", version: "")

  /// Why a document has no type; the text is upstream's.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  public init(kind: String, apiVersion: String) throws(Failure) {
    self.kind = kind
    // Most bodies are of the core group, and nothing has to be taken apart.
    guard apiVersion.utf8.contains(UInt8(ascii: "/")) else {
      groupVersion = GroupVersion(group: "", version: apiVersion)
      return
    }
    let parts = apiVersion.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { throw Failure(description: "unexpected GroupVersion string: \(apiVersion)") }
    groupVersion = GroupVersion(group: parts[0], version: parts[1])
  }

  public init(_ root: JSONNode) throws(Failure) {
    // Go reads null into a struct as nothing at all.
    guard root.kind == .object || root.isNull else {
      throw Self.unreadable("\(JSONValue.goKind(of: root)) into Go value of type \(Self.goType)")
    }
    func isText(_ node: JSONNode?) -> Bool { node.map { $0.kind == .string || $0.isNull } ?? true }
    if !isText(root["kind"]) || !isText(root["apiVersion"]) {
      for (name, value) in root.members where (name.isString("kind") || name.isString("apiVersion")) && !isText(value) {
        let field = name.string ?? ""
        throw Self.unreadable("\(JSONValue.goKind(of: value)) into Go struct field .\(field) of type string")
      }
    }
    try self.init(kind: root["kind"]?.string ?? "", apiVersion: root["apiVersion"]?.string ?? "")
  }

  /// The same of a tree.
  public init(_ root: JSONValue) throws(Failure) {
    guard root.object != nil || root.isNull else {
      throw Self.unreadable("\(root.goKind) into Go value of type \(Self.goType)")
    }
    for member in root.object?.members ?? [] where member.name == "kind" || member.name == "apiVersion" {
      guard member.value.string == nil, !member.value.isNull else { continue }
      throw Self.unreadable("\(member.value.goKind) into Go struct field .\(member.name) of type string")
    }
    try self.init(kind: root["kind"]?.string ?? "", apiVersion: root["apiVersion"]?.string ?? "")
  }

  /// What a document leaves out is taken from what is expected; a version only within its group.
  public func filled(from expected: GroupVersionKind) -> TypeMembers {
    var filled = self
    if kind.isEmpty { filled.kind = expected.kind }
    if groupVersion.version.isEmpty && ["", expected.group].contains(groupVersion.group) {
      filled.groupVersion = expected.groupVersion
    }
    return filled
  }

  /// The version that upstream's own types have beside those that are served.
  public var isInternal: Bool { groupVersion.version == "__internal" }

  /// (`NewNotRegisteredErrForKind`)
  public func notRegistered(in scheme: String) -> String {
    let place =
      isInternal
      ? "the internal version of group \(GoText.quoted(groupVersion.group))"
      : "version \(GoText.quoted(groupVersion.description))"
    return "no kind \(GoText.quoted(kind)) is registered for \(place) in scheme \(GoText.quoted(scheme))"
  }

  /// (`NewMissingVersionErr`)
  public static func missingVersion(_ shown: String) -> String { "Object 'apiVersion' is missing in '\(shown)'" }

  private static let goType =
    #"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#

  private static func unreadable(_ what: String) -> Failure {
    Failure(description: "couldn't get version/kind; json parse error: json: cannot unmarshal \(what)")
  }
}
