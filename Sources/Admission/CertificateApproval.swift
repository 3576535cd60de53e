public import Access
public import Machinery
public import Registry

/// Requests for certificates are approved and denied by those who may `approve` for their signer. (Kubernetes:
/// plugin/pkg/admission/certificates/approval)
public struct CertificateApproval: AdmissionPlugin {
  public static let name = "CertificateApproval"
  private let authorizer: any Authorizer

  public init(_ authorizer: any Authorizer) { self.authorizer = authorizer }

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == CertificateSigners.requests
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation == .update, request.subresource.name == "approval" else { return }
    let signer = CertificateSigners.signer(request.old)
    if await CertificateSigners.isAllowed(user, "approve", for: signer, by: authorizer) { return }
    throw .forbidden(
      request.resource, name: request.shownName,
      "user not permitted to approve requests with signerName \(GoText.quoted(signer))")
  }
}
