public import Access
public import Machinery
public import Registry

/// One who has a say in writes.
public protocol AdmissionPlugin: Sendable {
  /// As `--enable-admission-plugins` names it.
  static var name: String { get }

  /// May it have something to say of this user's writes to a resource? Asked of every write before its object is known,
  /// so that most writes are spared the rest.
  func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool

  /// May change the object that is written, or refuse it: throws what the client is told. Called inside the update loop,
  /// so perhaps several times for one write. (`MutationInterface.Admit`)
  func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status)

  /// May refuse what has been made of the write once its rules hold. (`ValidationInterface.Validate`)
  func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status)
}

extension AdmissionPlugin {
  public func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {}
  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {}
}

/// All plug-ins that are on, one after another. (Kubernetes: `chainAdmissionHandler`.)
public struct AdmissionChain: Sendable {
  private let plugins: [any AdmissionPlugin]

  /// In the order in which they are asked; 64 at most.
  public init(_ plugins: [any AdmissionPlugin] = []) {
    precondition(plugins.count <= UInt64.bitWidth, "\(plugins.count) admission plug-ins, \(UInt64.bitWidth) at most")
    self.plugins = plugins
  }

  /// Who has a say in a user's writes to a resource; nil where nobody has.
  public func admission(of user: UserInfo, on resource: ResourceInfo) -> Admission? {
    // One bit a plug-in, as this is asked of every write.
    var concerned: UInt64 = 0
    for place in plugins.indices where plugins[place].concerns(user, resource) { concerned |= 1 << UInt64(place) }
    if concerned == 0 { return nil }
    return Admission(
      mutate: { [plugins, concerned] (request) throws(Status) in
        for place in plugins.indices where concerned & 1 << UInt64(place) != 0 {
          try await plugins[place].mutate(&request, by: user)
        }
      },
      validate: { [plugins, concerned] (request) throws(Status) in
        for place in plugins.indices where concerned & 1 << UInt64(place) != 0 {
          try await plugins[place].validate(request, by: user)
        }
      })
  }
}
