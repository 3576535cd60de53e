import ByteBuffers
import COpenSSL
import Capacity

/// The certificates that a client showed in its handshake, and who they make it now: asked at each request, as
/// kube-apiserver does. A certificate that has expired counts no more, nor does one that authorities signed who were
/// replaced since. On the connection's reactor.
///
/// What was found holds until the first certificate of the chain expires or the authorities are read anew, so that a
/// request mostly costs two comparisons.
final class ClientCredential {
  private unowned(unsafe) let reactor: Reactor  // its table owns the connection, which owns this
  private let source: TLSCredentials
  /// The client's own certificate first, DER; empty where these are more than is kept.
  private let kept: [UInt8]
  private let keptShare: MemoryBudget.Share?
  private var known: ClientIdentity
  private var validity: Validity
  /// Of the authorities that were asked.
  private var generation: Int
  private var changes = 1

  /// More is not kept with the connection, nor in tickets: anybody may send it, and only certificates of nobody are as
  /// long.
  static let keptBytesMax = 16 << 10
  /// Less is part of what a connection costs anyway.
  private static let uncountedBytes = 4 << 10

  /// `certificates`: at least one, the client's own first.
  init?(_ certificates: [Certificate], _ source: TLSCredentials, _ reactor: Reactor) {
    guard let own = certificates.first else { return nil }
    self.reactor = reactor
    self.source = source
    generation = source.generation
    (known, validity) = Self.verify(own, Array(certificates.dropFirst()), source.context, at: reactor.second)
    let bytes = Certificate.der(of: certificates)
    // Anybody can make a long chain that nobody vouches for; to be known after a reload, its owner connects again.
    let most = if case .unverified = known { Self.uncountedBytes } else { Self.keptBytesMax }
    kept = bytes.count <= most ? bytes : []
    keptShare = kept.count > Self.uncountedBytes ? reactor.configuration.budget.holding(kept.count) : nil
  }

  /// Who the client is.
  var identity: ClientIdentity {
    look()
    return known
  }

  /// Another number after `identity` has changed.
  var epoch: Int {
    look()
    return changes
  }

  private func look() {
    if validity.holds(at: reactor.second), source.generation == generation { return }
    // First, so that what is replaced meanwhile is looked at again.
    generation = source.generation
    let certificates = Certificate.all(der: kept)
    let found: ClientIdentity
    if let own = certificates.first {
      (found, validity) = Self.verify(own, Array(certificates.dropFirst()), source.context, at: reactor.second)
    } else {
      (found, validity) = (.unverified(reason: "the certificates are too long to be looked at again"), .always)
    }
    if found == known { return }
    known = found
    changes += 1
  }

  private static func verify(
    _ own: Certificate, _ others: [Certificate], _ context: TLSContext, at second: Int
  ) -> (ClientIdentity, Validity) {
    var validity = Validity.always
    func judge(_ verdict: ClientAuthorities.Verdict) -> String? {
      switch verdict {
      case .good(let found):
        validity = validity.within(found)
        return nil
      case .bad(let reason, let passes):
        // Asked again in the next second, not by each request.
        if passes { validity = validity.within(Validity(from: second, until: second + 1)) }
        return reason
      }
    }
    var identity = ClientIdentity.none
    if let clients = context.clients {
      let fault = judge(clients.verify(own, with: others))
      identity = fault.map { .unverified(reason: $0) } ?? .verified(ClientCertificate(own))
    }
    if let proxies = context.proxies {
      let fault = judge(proxies.verify(own, with: others))
      if fault == nil {
        identity = .proxy(name: own.subject(NID_commonName).last ?? "", besides: identity)
      } else if let fault, identity == .none {
        identity = .unverified(reason: fault)
      }
    }
    return (identity, validity)
  }
}
