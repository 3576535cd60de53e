public import Access
public import Machinery
public import Registry
import JSON

/// Certificates, and that there will be none, come from those who may `sign` for the signer. (Kubernetes:
/// plugin/pkg/admission/certificates/signing)
public struct CertificateSigning: AdmissionPlugin {
  public static let name = "CertificateSigning"
  private let authorizer: any Authorizer

  public init(_ authorizer: any Authorizer) { self.authorizer = authorizer }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == CertificateSigners.requests
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation == .update, request.subresource == .status else { return }
    func part(_ object: JSONValue?, _ member: String) -> JSONValue? { object?["status"]?[member] }
    let isUntouched =
      part(request.new, "certificate") == part(request.old, "certificate")
      && (part(request.new, "conditions")?.array ?? []) == (part(request.old, "conditions")?.array ?? [])
    if isUntouched { return }
    let signer = CertificateSigners.signer(request.old)
    if await CertificateSigners.isAllowed(user, "sign", for: signer, by: authorizer) { return }
    throw .forbidden(
      request.resource, name: request.shownName,
      "user not permitted to sign requests with signerName \(GoText.quoted(signer))")
  }
}
