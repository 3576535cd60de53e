import Access
import HTTPServer

/// Who a request is by. Kept with its connection where the next request that brings the same token must be by the same user: to find out costs more than to
/// answer a GET.
final class KnownCaller {
  let user: UserInfo
  let mayDoEverything: Bool
  /// Where they are counted.
  let place: Int
  /// The `Authorization` header; nil for none.
  private let authorization: [UInt8]?
  /// The authenticators'.
  private let generation: Int

  init(_ user: UserInfo, mayDoEverything: Bool, authorization: [UInt8]?, generation: Int) {
    self.user = user
    self.mayDoEverything = mayDoEverything
    self.authorization = authorization
    self.generation = generation
    place = AccessMetrics.place(of: user.name)
  }

  func isBy(_ request: Request, generation: Int) -> Bool {
    guard generation == self.generation else { return false }
    return request.withHeader("Authorization") { header in
      guard let header, let authorization else { return header == nil && authorization == nil }
      return Self.isSame(header, authorization)
    }
  }

  /// Takes as long wherever the two differ: behind a proxy others may use the connection, and time must tell them nothing.
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

  /// Who a request is by, where that is known without waiting. Not of those who are anonymous: where they may come depends on the path.
  func caller(of request: Request) -> KnownCaller? {
    // Read first: what is replaced meanwhile makes it outdated.
    let generation = authenticator.generation
    if let known = request.keepsake as? KnownCaller, known.isBy(request, generation: generation) { return known }
    request.keepsake = nil
    let credentials = credentials(request, path: "")
    // A proxy's requests are by whomever it says; all else that authenticators look at is the connection's or stands in one header.
    if credentials.proxyName == nil, let user = authenticator.steadyUser(credentials) {
      let header = request.withHeader("Authorization") { $0.map(Array.init) }
      let caller = KnownCaller(user, mayDoEverything: authorizer.allowsEverything(user), authorization: header, generation: generation)
      if header?.count ?? 0 <= Self.keptBytesMax { request.keepsake = caller }
      return caller
    }
    // The path matters only to who is anonymous on some.
    guard case .user(let user) = authenticator.authenticate(credentials) else { return nil }
    return KnownCaller(user, mayDoEverything: authorizer.allowsEverything(user), authorization: nil, generation: generation)
  }
}
