import Access
import JSON
import Machinery
import Registry

/// Who may approve and sign for whom: what the plug-ins about certificates ask. (Kubernetes: pkg/certauthorization)
enum CertificateSigners {
  static let requests = GroupResource(group: "certificates.k8s.io", resource: "certificatesigningrequests")

  /// The signer that a request was made for; not the one that an update names.
  static func signer(_ request: JSONValue?) -> String { request?["spec"]?["signerName"]?.string ?? "" }

  /// May they do so for this signer, or for all of its domain?
  static func isAllowed(
    _ user: UserInfo, _ verb: String, for signer: String, by authorizer: any Authorizer
  ) async -> Bool {
    let domain = signer.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
    for name in [signer, "\(domain)/*"] {
      let question = AccessAttributes(
        user, verb, group: requests.group, version: "*", resource: "signers", name: name)
      if await authorizer.allows(question) { return true }
    }
    return false
  }
}
