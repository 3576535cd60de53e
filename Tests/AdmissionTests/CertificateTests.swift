import Access
import JSON
import Machinery
import Registry
import Testing

@testable import Admission
@testable import Resources

@Suite struct `Admission of certificates` {
  /// Allows what is written down: `verb name`.
  private struct Listed: Authorizer {
    let allowed: [String]
    func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
      let isOfSigners = attributes.group == "certificates.k8s.io" && attributes.resource == "signers"
      return .later { [allowed] in
        isOfSigners && allowed.contains("\(attributes.verb) \(attributes.name)") ? .allow : .noOpinion("")
      }
    }
    func rules(for user: UserInfo, namespace: String) -> AccessRules { AccessRules() }
  }

  private static let resource = CertificateSigners.requests
  private static let old: JSONValue = ["metadata": ["name": "c"], "spec": ["signerName": "example.org/one"]]

  private func update(_ part: String, status: JSONValue? = nil) -> AdmissionRequest {
    var new = Self.old
    // Which signer decides is what is stored.
    new["spec"] = ["signerName": "evil.example.org/two"]
    if let status { new["status"] = status }
    return AdmissionRequest(.update, Self.resource, name: "c", subresource: Subresource(part), new: new, old: Self.old)
  }

  private func refusal(_ plugin: any AdmissionPlugin, _ request: AdmissionRequest) async -> String? {
    do throws(Status) {
      try await plugin.validate(request, by: UserInfo(name: "jane"))
      return nil
    } catch { return error.message }
  }

  @Test(
    arguments: [
      ([], true), (["approve example.org/one"], false), (["approve example.org/*"], false),
      (["approve evil.example.org/two", "sign example.org/one", "approve example.org"], true),
    ] as [([String], Bool)])
  func `approving is for those who may approve for the signer, or for its domain`(
    allowed: [String], isRefused: Bool
  )
    async
  {
    let plugin = CertificateApproval(Listed(allowed: allowed))
    let text =
      #"certificatesigningrequests.certificates.k8s.io "c" is forbidden: user not permitted to approve requests with "#
      + #"signerName "example.org/one""#
    #expect(await refusal(plugin, update("approval")) == (isRefused ? text : nil))
    #expect(await refusal(plugin, update("status")) == nil)
  }

  @Test func `signing is for those who may sign, and nothing else of the status is`() async {
    let nobody = CertificateSigning(Listed(allowed: ["approve example.org/one"]))
    let text =
      #"certificatesigningrequests.certificates.k8s.io "c" is forbidden: user not permitted to sign requests with "#
      + #"signerName "example.org/one""#
    #expect(await refusal(nobody, update("status", status: ["certificate": "AAAA"])) == text)
    #expect(await refusal(nobody, update("status", status: ["conditions": [["type": "Failed"]]])) == text)
    #expect(await refusal(nobody, update("status", status: ["conditions": []])) == nil)
    #expect(await refusal(nobody, update("approval", status: ["certificate": "AAAA"])) == nil)
    let signer = CertificateSigning(Listed(allowed: ["sign example.org/*"]))
    #expect(await refusal(signer, update("status", status: ["certificate": "AAAA"])) == nil)
  }

  @Test func `nobody asks the API server's signer for the powers of its masters`() async throws {
    func create(_ signer: String, _ request: String) -> AdmissionRequest {
      AdmissionRequest(
        .create, Self.resource, name: "c",
        new: ["spec": ["signerName": .string(signer), "request": .string(request)]])
    }
    let plugin = CertificateSubjectRestriction()
    let own = "kubernetes.io/kube-apiserver-client"
    let start = #"certificatesigningrequests.certificates.k8s.io "c" is forbidden: "#
    #expect(
      await refusal(plugin, create(own, Self.masters))
        == start + "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed")
    #expect(await refusal(plugin, create("example.org/one", Self.masters)) == nil)
    #expect(
      await refusal(plugin, create(own, "AAAA"))
        == start + "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST")
  }

  /// O=system:masters, in base64 as objects hold it.
  private static let masters = Base64.text(
    Array(
      """
      -----BEGIN CERTIFICATE REQUEST-----
      MIHyMIGZAgEAMDcxFzAVBgNVBAoMDnN5c3RlbTptYXN0ZXJzMQ0wCwYDVQQKDARk
      ZXZzMQ0wCwYDVQQDDARyb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfvJZ
      rvxIcSNpIy9Q5BbpE2seTchC9+pAjemoCngEFC897TKiylBHaFXPQRGdAnTlQ1os
      gMTOR2/31Ec2e4FLmaAAMAoGCCqGSM49BAMCA0gAMEUCIQDji8td2SNfVixMu+PA
      kSWnrrrGHcm0k/q7+SU1PZazHAIgF4D/neuvV/v/fqtaGmyAayTCdEZ3J2j+cbHo
      mgD0jSk=
      -----END CERTIFICATE REQUEST-----
      """.utf8))
}
