public import Access
public import Machinery
public import Registry
import ByteBuffers
import JSON
import Resources

/// Nobody asks the API server's own signer for a certificate that makes its holder all-powerful. (Kubernetes:
/// plugin/pkg/admission/certificates/subjectrestriction)
public struct CertificateSubjectRestriction: AdmissionPlugin {
  public static let name = "CertificateSubjectRestriction"
  private static let signer = "kubernetes.io/kube-apiserver-client"
  public init() {}

  public func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool {
    resource.groupResource == CertificateSigners.requests
  }

  public func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
    guard request.operation == .create, request.subresource == .main,
      CertificateSigners.signer(request.new) == Self.signer
    else { return }
    func refuse(_ why: String) -> Status { .forbidden(request.resource, name: request.shownName, why) }
    let asked: CertificateRequest
    do {
      asked = try CertificateRequest(base64: request.new?["spec"]?["request"]?.string ?? "")
    } catch { throw refuse("failed to parse CSR: \(error)") }
    if asked.organizations.contains(UserInfo.privilegedGroup) {
      throw refuse("use of \(Self.signer) signer with system:masters group is not allowed")
    }
  }
}
