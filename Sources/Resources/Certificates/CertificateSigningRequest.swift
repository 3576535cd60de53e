import Access
import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// What somebody wants to have certified, and what came of it. (Kubernetes: pkg/registry/certificates/certificates)
  static let certificateSigningRequests = ResourceDefinition(
    "certificatesigningrequests.certificates.k8s.io", kind: "CertificateSigningRequest", shortNames: ["csr"],
    scope: .cluster, folder: "certificatesigningrequests", versions: [.v1],
    // Neither can be changed once it is made, but through the sub-resources.
    main: .main(keeps: ["spec", "status"]),
    subresources: [
      SubresourceDefinition(
        CertificateSigningRequestRules.approval, keeps: ["spec"], disowned: [["status", "certificate"]],
        prepare: CertificateSigningRequestForm.prepareApproval),
      SubresourceDefinition(
        .status, keeps: ["spec"], disowned: [["status", "conditions"]],
        prepare: CertificateSigningRequestForm.prepareStatus),
    ],
    rules: CertificateSigningRequestRules.all,
    prepareForCreate: { $0["status"] = [:] }, stampAuthor: CertificateSigningRequestForm.stampAuthor,
    selectableFields: [SelectableField("spec.signerName")], unknownField: .label,
    columns: [
      .name,
      .age,
      TableColumn("SignerName", description: "Who is asked to sign.") { request, _ in
        let name = request["spec"]?["signerName"]?.string ?? ""
        return .string(name.isEmpty ? "<none>" : name)
      },
      .text("Requestor", at: "spec.username", description: "Who asks."),
      TableColumn("RequestedDuration", description: "How long the certificate is wanted for.") { request, _ in
        guard let seconds = request["spec"]?["expirationSeconds"]?.int else { return "<none>" }
        return .string(Age.text(seconds: seconds))
      },
      TableColumn("Condition", description: "What has been decided, and whether the certificate is there.") {
        request, _ in .string(CertificateSigningRequestForm.summary(request))
      },
    ])
}

/// How requests are made, decided on and answered.
enum CertificateSigningRequestForm {
  /// Who asks is whoever writes, and nobody else. (`PrepareForCreate`)
  static let stampAuthor: ResourceDefinition.AuthorHook = { request, author in
    let given = request["spec"]?.object?.members ?? []
    let ofAuthor = ["username", "uid", "groups", "extra"]
    var spec = given.filter { !ofAuthor.contains($0.name) }
    if !author.name.isEmpty { spec.append(JSONObject.Member("username", .string(author.name))) }
    if !author.uid.isEmpty { spec.append(JSONObject.Member("uid", .string(author.uid))) }
    if !author.groups.isEmpty {
      spec.append(JSONObject.Member("groups", .array(author.groups.map { .string($0) })))
    }
    if !author.extra.isEmpty {
      var extra = JSONObject(
        uniquing: author.extra.map { JSONObject.Member($0.key, .array($0.values.map { .string($0) })) })
      extra.sortByName()
      spec.append(JSONObject.Member("extra", .object(extra)))
    }
    request["spec"] = .object(JSONObject(unchecked: spec))
  }

  /// Of the status, an approval changes the conditions. (`csrApprovalStrategy.PrepareForUpdate`)
  static let prepareApproval: ResourceDefinition.UpdateHook = { request, old in
    stampTimes(&request, old)
    let conditions = request["status"]?["conditions"]
    var status = old["status"] ?? [:]
    status["conditions"] = nil
    if let conditions {
      status = .object(
        JSONObject(unchecked: [JSONObject.Member("conditions", conditions)] + (status.object?.members ?? [])))
    }
    request["status"] = status
  }

  /// Who signs does not decide: what was decided stays as it is. (`csrStatusStrategy.PrepareForUpdate`)
  static let prepareStatus: ResourceDefinition.UpdateHook = { request, old in
    var conditions = request["status"]?["conditions"]?.array ?? []
    let before = old["status"]?["conditions"]?.array ?? []
    for type in ["Approved", "Denied"] {
      let places = conditions.indices.filter { conditions[$0]["type"]?.string == type }
      let kept = before.filter { $0["type"]?.string == type }
      // One that is added or taken away is complained of.
      guard places.count == kept.count else { continue }
      for (place, condition) in zip(places, kept) { conditions[place] = condition }
    }
    if !conditions.isEmpty { request["status"]?["conditions"] = .array(conditions) }
    stampTimes(&request, old)
  }

  /// Sets the times that are left out. (`populateConditionTimestamps`)
  private static func stampTimes(_ request: inout JSONValue, _ old: JSONValue) {
    guard let conditions = request["status"]?["conditions"]?.array, !conditions.isEmpty else { return }
    let before = old["status"]?["conditions"]?.array ?? []
    let now = JSONValue.string(Timestamp.text(Timestamp.now))
    request["status"]?["conditions"] = .array(
      conditions.map { condition in
        let updated = time(condition, "lastUpdateTime")
        var changed = time(condition, "lastTransitionTime")
        if updated != nil && changed != nil { return condition }
        changed =
          changed
          ?? before.lazy.filter {
            $0["type"]?.string == condition["type"]?.string && $0["status"]?.string == condition["status"]?.string
          }.compactMap { time($0, "lastTransitionTime") }.first ?? now
        let others = (condition.object?.members ?? []).filter {
          $0.name != "lastUpdateTime" && $0.name != "lastTransitionTime"
        }
        return .object(
          JSONObject(
            unchecked: others + [
              JSONObject.Member("lastUpdateTime", updated ?? now),
              JSONObject.Member("lastTransitionTime", changed ?? now),
            ]))
      })
  }

  /// A time that is set.
  private static func time(_ condition: JSONValue, _ member: String) -> JSONValue? {
    guard let time = condition[member], !time.isNull else { return nil }
    return time
  }

  /// (`extractCSRStatus` of pkg/printers)
  static func summary(_ request: JSONNode) -> String {
    var types: [String] = []
    if let conditions = request["status"]?["conditions"] {
      for condition in conditions.elements { types.append(condition["type"]?.string ?? "") }
    }
    var summary = types.contains("Denied") ? "Denied" : types.contains("Approved") ? "Approved" : "Pending"
    if types.contains("Failed") { summary += ",Failed" }
    if !(request["status"]?["certificate"]?.string ?? "").isEmpty { summary += ",Issued" }
    return summary
  }
}
