import Machinery
import Registry

/// What a proxied request names: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`. (Kubernetes: apimachinery/pkg/util/net,
/// `SplitSchemeNamePort`)
struct ProxiedName {
  let name: String
  /// A number or a name; empty where none is asked for.
  let port: String

  /// `kind`: what the client is told that it can't ask for so.
  init(_ request: SubresourceConnection.Request, of kind: String) throws(Status) {
    let parts = request.name.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    let isGood = parts.count <= 3 && (parts.count < 3 || ["", "http", "https"].contains(parts[0]))
    name = parts.count == 3 ? parts[1] : parts.first ?? ""
    port = parts.count > 1 ? parts[parts.count - 1] : ""
    guard isGood, !name.isEmpty else {
      throw .badRequest("invalid \(kind) request \(GoText.quoted(request.name))")
    }
  }
}
