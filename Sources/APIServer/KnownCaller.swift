import Access
import HTTPServer

/// Who a request is by. Kept with its connection where the next request that brings the same token must be by the same
/// user, as long as the client's certificate is what it was: to find out costs more than to answer a GET.
final class KnownCaller {
  let user: UserInfo
  let mayDoEverything: Bool
  /// Where they are counted.
  let place: Int
  /// The `Authorization` header; nil for none.
  private let authorization: [UInt8]?
  /// The authenticators'.
  private let generation: Int
  /// The client certificate's, see `Request.clientEpoch`.
  private let clientEpoch: Int

  init(_ user: UserInfo, mayDoEverything: Bool, authorization: [UInt8]?, generation: Int, clientEpoch: Int) {
    self.user = user
    self.mayDoEverything = mayDoEverything
    self.authorization = authorization
    self.generation = generation
    self.clientEpoch = clientEpoch
    place = AccessMetrics.place(of: user.name)
  }

  func isBy(_ request: Request, generation: Int) -> Bool {
    guard generation == self.generation, request.clientEpoch == clientEpoch else { return false }
    return request.withHeader("Authorization") { header in
      guard let header, let authorization else { return header == nil && authorization == nil }
      return Self.isSame(header, authorization)
    }
  }

  /// Takes as long wherever the two differ: behind a proxy others may use the connection, and time must tell them
  /// nothing.
  private static func isSame(_ header: UnsafeRawBufferPointer, _ known: [UInt8]) -> Bool {
    guard header.count == known.count else { return false }
    var difference: UInt8 = 0
    for place in known.indices { difference |= header[place] ^ known[place] }
    return difference == 0
  }
}

extension AccessControl {
  /// A longer header is not kept: it would be held for as long as the connection is.
  private static let keptBytesMax = 4 << 10

  /// Who a request is by, where that is known without waiting. Who is anonymous on some paths only is nobody here.
  func caller(of request: Request) -> KnownCaller? {
    // Read first: what is replaced meanwhile makes it outdated.
    let generation = authenticator.generation
    let clientEpoch = request.clientEpoch
    if let known = request.keepsake as? KnownCaller, known.isBy(request, generation: generation) { return known }
    request.keepsake = nil
    // Its token may stand where nobody looks when the next request comes.
    if request.isWebSocket { return nil }
    // The general path says what is wrong with it.
    if request.withHeader("Authorization", BearerToken.hasSpaceBefore) { return nil }
    let credentials = credentials(request, path: "")
    let (verdict, isSteady) = authenticator.identify(credentials)
    guard case .user(let user) = verdict else { return nil }
    // A proxy's requests are by whomever it says; all else that authenticators look at is the connection's or stands in
    // one header.
    let mayBeKept = isSteady && credentials.proxyName == nil
    let header = mayBeKept ? request.withHeader("Authorization") { $0.map(Array.init) } : nil
    let caller = KnownCaller(
      user, mayDoEverything: authorizer.allowsEverything(user), authorization: header, generation: generation,
      clientEpoch: clientEpoch)
    if mayBeKept && header?.count ?? 0 <= Self.keptBytesMax { request.keepsake = caller }
    return caller
  }
}
