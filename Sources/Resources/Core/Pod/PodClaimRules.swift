import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for the devices that a pod claims. (Kubernetes: pkg/apis/core/validation, `validatePodResourceClaims`)
enum PodClaimRules {
  static let claims: Rule.Function = { context in
    guard case .array(let claims)? = context.value else { return }
    let isMirror = context.pod.meta?["annotations"]?["kubernetes.io/config.mirror"] != nil
    var names = Set<ByteString>()
    for (place, claim) in claims.enumerated() {
      // So upstream prints the path.
      if isMirror {
        context.report(.forbidden("", "static pods do not support resource claims"))
        continue
      }
      let name = claim.string(at: "name")
      if name.isEmpty {
        context.needs(.index(place), "name")
      } else if names.contains(ByteString(name)) {
        context.report(.duplicate(context.path(.index(place), "name"), bare: GoText.quoted(name)))
      } else {
        context.refuses(name, each: NameValidation.dns1123Label(name), at: .index(place), "name")
        names.insert(name)
      }
      let direct = claim["resourceClaimName"]?.string
      let template = claim["resourceClaimTemplateName"]?.string
      if (direct == nil) == (template == nil) {
        let shown = InternalForm.text(of: claim, as: "io.k8s.api.core.v1.PodResourceClaim")
        let detail =
          direct == nil
          ? "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
          : "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        context.report(.invalid(context.path(.index(place)), bare: shown, detail))
      }
      for (member, name) in [("resourceClaimName", direct), ("resourceClaimTemplateName", template)] {
        guard let name else { continue }
        context.refuses(name, each: NameValidation.dns1123Subdomain(name), at: .index(place), .member(member))
      }
    }
  }
}
