import Access
import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

@testable import AccessJWT

/// Signatures made by the openssl command.
@Suite struct `Signed tokens` {
  private static func issuer(_ arguments: String...) async throws -> String {
    let script = Repository.root.appending(path: "Tests/Clients/token_issuer.py").path
    return try await run(["python3", script] + arguments).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  @Test(arguments: SigningAlgorithm.allCases)
  func `a signature is believed as it was made, and not when a byte differs`(algorithm: SigningAlgorithm) async throws {
    let folder = try TemporaryFolder()
    let text = try await Self.issuer("sign", folder.path, "k", algorithm.rawValue, #"{"iss":"i","sub":"s"}"#)
    let token = try #require(JSONWebToken(text))
    #expect(token.algorithm == algorithm.rawValue && token.keyID == "k" && token.claims == ["iss": "i", "sub": "s"])
    let key = try #require(JSONWebKey(try JSONValue(parsing: try await Self.issuer("key", folder.path, "k"))))
    #expect(key.verifies(token.message, token.signature, algorithm))
    for place in [0, token.message.count - 1] {
      var message = token.message
      message[place] ^= 1
      #expect(!key.verifies(message, token.signature, algorithm))
    }
    var signature = token.signature
    signature[signature.count - 1] ^= 1
    #expect(
      !key.verifies(token.message, signature, algorithm) && !key.verifies(token.message, [], algorithm)
        && !key.verifies(token.message, Array(signature.dropLast()), algorithm))
    for other in SigningAlgorithm.allCases where other != algorithm {
      #expect(!key.verifies(token.message, token.signature, other), "\(other)")
    }
    // Any change of the text is seen, or makes it no token.
    for place in stride(from: 0, to: text.utf8.count, by: 7) {
      var bytes = Array(text.utf8)
      bytes[place] = bytes[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      guard let changed = JSONWebToken(String(decoding: bytes, as: UTF8.self)),
        changed.message != token.message || changed.signature != token.signature
      else { continue }
      #expect(!key.verifies(changed.message, changed.signature, algorithm))
    }
  }

  @Test(arguments: [
    "", ".", "..", "a.b.c", "e30.e30.", "e30.e30", "eyJhbGciOiJSUzI1NiJ9.bm9wZQ.AA",
    "eyJhbGciOiJSUzI1NiIsImNyaXQiOlsieCJdfQ.e30.AA", "eyJhbGciOiJSUzI1NiJ9=.e30.AA",
  ])
  func `what is no token is none`(text: String) { #expect(JSONWebToken(text) == nil) }

  @Test(arguments: [
    #"{"kty":"oct","k":"AAAA"}"#, #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"RSA","n":"!","e":"AQAB"}"#,
    #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
    #"{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
    #"{"kty":"EC","crv":"secp256k1"}"#, "{}", "[]",
  ])
  func `a key that can't be used is none`(text: String) throws {
    #expect(JSONWebKey(try JSONValue(parsing: text)) == nil)
  }

  @Test func `a token lives from its nbf to its exp`() throws {
    #expect(try JWTAuthenticator.lifetime(["exp": 1_000], now: 999) == 1_000)
    #expect(throws: JWTIssuer.Refusal.self) { try JWTAuthenticator.lifetime(["exp": 1_000], now: 1_001) }
    #expect(throws: JWTIssuer.Refusal.self) { try JWTAuthenticator.lifetime([:], now: 1) }
    #expect(throws: JWTIssuer.Refusal.self) { try JWTAuthenticator.lifetime(["exp": "9999999999"], now: 1) }
    #expect(throws: JWTIssuer.Refusal.self) { try JWTAuthenticator.lifetime(["exp": .double(-1e300)], now: 1) }
    // Clocks differ.
    #expect(try JWTAuthenticator.lifetime(["exp": 10_000, "nbf": 1_200], now: 1_000) == 10_000)
    #expect(throws: JWTIssuer.Refusal.self) {
      try JWTAuthenticator.lifetime(["exp": 10_000, "nbf": 1_301], now: 1_000)
    }
  }
}
