public import JSON
public import Machinery

/// A write that is about to be made, with the object in hand.
public struct AdmissionRequest: Sendable {
  public enum Operation: Sendable { case create, update, delete }
  public let operation: Operation
  public let resource: GroupResource
  /// As far as it is known: a generated name is empty before it is made, and so is that of a collection.
  public let name: String
  public let namespace: String
  public let subresource: Subresource
  /// Is an update asked for by a patch?
  public let isPatch: Bool
  /// What shall be written, in the stored version, before the server fills it in; nil for a deletion.
  public var new: JSONValue?
  /// What is stored, where that is looked at; nil for a creation.
  public let old: JSONValue?

  public init(
    _ operation: Operation, _ resource: GroupResource, name: String, namespace: String = "",
    subresource: Subresource = .main, isPatch: Bool = false, new: JSONValue? = nil, old: JSONValue? = nil
  ) {
    self.operation = operation
    self.resource = resource
    self.name = name
    self.namespace = namespace
    self.subresource = subresource
    self.isPatch = isPatch
    self.new = new
    self.old = old
  }

  /// The name that a refusal tells: before one is generated, what it will begin with. (`admission.NewForbidden`)
  public var shownName: String {
    if !name.isEmpty { return name }
    for member in ["name", "generateName"] {
      if let text = new?["metadata"]?[member]?.string, !text.isEmpty { return text }
    }
    return "Unknown"
  }
}

/// Has a say in a write after the client's right to ask for it was found good. Both steps throw what the client is told,
/// and both are called inside the update loop, so perhaps several times for one write. (Kubernetes: a chain of admission
/// plug-ins.)
public struct Admission: Sendable {
  public typealias Mutation = @Sendable (inout AdmissionRequest) async throws(Status) -> Void
  public typealias Validation = @Sendable (AdmissionRequest) async throws(Status) -> Void
  /// Asked first; may change `new`. Nobody comes to own what is set here.
  let mutate: Mutation
  /// Asked once the object is whole and its rules hold, as it will be stored.
  let validate: Validation

  public init(mutate: @escaping Mutation, validate: @escaping Validation) {
    self.mutate = mutate
    self.validate = validate
  }

  /// Of a deletion, where there is nothing to change.
  public func admit(_ request: AdmissionRequest) async throws(Status) {
    var request = request
    try await mutate(&request)
    try await validate(request)
  }
}

extension Store {
  func admission(
    _ operation: AdmissionRequest.Operation, _ name: String, namespace: String, subresource: Subresource = .main,
    isPatch: Bool = false, new: JSONValue? = nil, old: JSONValue? = nil
  ) -> AdmissionRequest {
    AdmissionRequest(
      operation, info.groupResource, name: name, namespace: namespace, subresource: subresource, isPatch: isPatch,
      new: new, old: old)
  }
}
