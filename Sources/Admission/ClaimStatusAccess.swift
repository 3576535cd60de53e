public import Access
public import Machinery
public import Registry
import ByteBuffers
import JSON

/// Who gives devices to claims may do so on behalf of all, and who tells of devices may do so for their driver: a write
/// of a claim's status needs rights beyond that to the status. No plug-in of kube-apiserver's, and always on: there it
/// belongs to the rules, which look at nothing but the object here. (Kubernetes: pkg/registry/resource,
/// `AuthorizedForBinding` and `AuthorizedForDeviceStatus`)
public struct ClaimStatusAccess: AdmissionPlugin {
  public static let name = "ClaimStatusAccess"
  private static let claims = GroupResource(group: "resource.k8s.io", resource: "resourceclaims")
  /// Where a token says on which node its service account runs.
  private static let nodeKey = "authentication.kubernetes.io/node-name"

  private let authorizer: any Authorizer

  public init(_ authorizer: any Authorizer) { self.authorizer = authorizer }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool { resource.groupResource == Self.claims }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation == .update, request.subresource == .status, request.resource == Self.claims else { return }
    let (new, old) = (request.new?["status"], request.old?["status"])
    var errors: [FieldError] = []
    let verb = request.isPatch ? "patch" : "update"
    if ["allocation", "reservedFor"].contains(where: { !RuleContext.areSame(new?[$0], old?[$0]) }),
      let why = await refusal(of: attributes(user, verb, "binding"))
    {
      errors.append(
        .forbidden(
          "status.allocation",
          "changing status.allocation or status.reservedFor requires resource=\"resourceclaims/binding\", "
            + "verb=\"\(verb)\" permission: \(why)"))
    }
    // What is told of devices goes with them.
    if let allocation = new?["allocation"], !allocation.isNull {
      let verbs = (Self.isBeside(user, allocation) ? ["associated-node:"] : []) + ["arbitrary-node:"]
      for driver in Self.changedDrivers(new, old) {
        guard let why = await refusal(verbs.map { $0 + verb }, driver, request.namespace, user) else { continue }
        errors.append(
          .forbidden(
            "status.devices",
            "changing status.devices requires resource=\"resourceclaims/driver\", "
              + "verb=\"[\(verbs.map { $0 + verb }.joined(separator: " "))]\" permission: \(why)"))
      }
    }
    if errors.isEmpty { return }
    throw .invalid("ResourceClaim", group: Self.claims.group, name: request.shownName, errors)
  }

  private func attributes(
    _ user: UserInfo, _ verb: String, _ subresource: String, namespace: String = "", name: String = ""
  ) -> AccessAttributes {
    AccessAttributes(
      user, verb, group: Self.claims.group, version: "v1", resource: Self.claims.resource, subresource: subresource,
      namespace: namespace, name: name)
  }

  /// Why somebody may not; nil where they may.
  private func refusal(of question: AccessAttributes) async -> String? {
    let reason: String
    do {
      switch try await authorizer.decide(question) {
      case .allow: return nil
      case .deny(let why), .noOpinion(let why): reason = why
      }
    } catch { reason = "\(error)" }
    return question.forbidden(reason).message
  }

  /// One of the verbs will do; else the first refusal.
  private func refusal(
    _ verbs: [String], _ driver: String, _ namespace: String, _ user: UserInfo
  ) async -> String? {
    var first: String?
    for verb in verbs {
      guard let why = await refusal(of: attributes(user, verb, "driver", namespace: namespace, name: driver)) else {
        return nil
      }
      first = first ?? why
    }
    return first
  }

  /// The drivers of whose devices something else is told than before, sorted. (`getModifiedDrivers`)
  static func changedDrivers(_ new: JSONValue?, _ old: JSONValue?) -> [String] {
    func devices(_ status: JSONValue?) -> [JSONValue] { status?["devices"]?.array ?? [] }
    func key(_ device: JSONValue) -> [ByteString] {
      ["driver", "pool", "device", "shareID"].map { ByteString(device[$0]?.string ?? "") }
    }
    var before: [[ByteString]: JSONValue] = [:]
    for device in devices(old) { before[key(device)] = device }
    var drivers = Set<ByteString>()
    for device in devices(new) {
      let known = before.removeValue(forKey: key(device))
      if !RuleContext.areSame(known, device) { drivers.insert(ByteString(device["driver"]?.string ?? "")) }
    }
    for device in before.values { drivers.insert(ByteString(device["driver"]?.string ?? "")) }
    return drivers.map(\.text).sorted { $0 < $1 }
  }

  /// Is somebody a service account on the only node that an allocation can be used on?
  /// (`saAssociatedWithAllocatedNode`)
  static func isBeside(_ user: UserInfo, _ allocation: JSONValue) -> Bool {
    let terms = allocation["nodeSelector"]?["nodeSelectorTerms"]?.array ?? []
    guard terms.count == 1, let fields = terms[0]["matchFields"]?.array, fields.count == 1,
      (terms[0]["matchExpressions"]?.array ?? []).isEmpty, fields[0]["key"]?.string == "metadata.name",
      fields[0]["operator"]?.string == "In", let values = fields[0]["values"]?.array, values.count == 1,
      let node = values[0].string, !node.isEmpty, UserInfo.serviceAccount(user.name) != nil
    else { return false }
    let told = user.extra.filter { $0.key == Self.nodeKey }.flatMap(\.values)
    return told == [node] && NameValidation.dns1123Subdomain(node).isEmpty
  }
}
