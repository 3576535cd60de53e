import HTTPServer
import RegularExpressions

/// Which web pages may speak to the server from a browser. (`filters.WithCORS`)
public final class CORS: Sendable {
  /// What a pattern must be; operators see it.
  public struct InvalidPattern: Error, CustomStringConvertible {
    public let description: String
  }

  private let patterns: [GoRegexp]

  /// `patterns`: regular expressions, one of which an Origin header must match somewhere. Throws `InvalidPattern`.
  public init(allowedOrigins patterns: [String]) throws {
    var compiled: [GoRegexp] = []
    for pattern in patterns {
      if pattern.isEmpty { throw InvalidPattern(description: "an expression is empty") }
      // An expression that matches any part of a host would let every page in whose host contains it (CVE-2022-1996).
      guard pattern.contains("^") || pattern.contains("//"), pattern.contains("$") || pattern.contains(":") else {
        throw InvalidPattern(
          description:
            "\"\(pattern)\" does not pin to start/end of host in the origin header: use such as '^https://example\\.com(:|$)'"
        )
      }
      do { compiled.append(try GoRegexp(pattern)) } catch {
        throw InvalidPattern(description: "\"\(pattern)\" is no regular expression: \(error)")
      }
    }
    self.patterns = compiled
  }

  func allows(_ origin: String) -> Bool { patterns.contains { $0.matches(origin) } }

  /// What an answer to a request from this origin says; nothing for one that is not allowed.
  func headers(origin: String?) -> [ResponseHeader] {
    guard let origin, !origin.isEmpty, allows(origin) else { return [] }
    return [
      ResponseHeader("Access-Control-Allow-Origin", origin),
      ResponseHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE, PATCH"),
      ResponseHeader(
        "Access-Control-Allow-Headers",
        "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since"
      ),
      ResponseHeader("Access-Control-Expose-Headers", "Date"),
      ResponseHeader("Access-Control-Allow-Credentials", "true"),
    ]
  }
}
