import ByteBuffers
import Cacher
import Capacity
import Machinery

/// What a client wants its answer to be.
struct Negotiated: Sendable, Equatable {
  /// The kinds that an object can be turned into.
  enum Form: Sendable, Equatable {
    /// As the resource is.
    case whole
    case table(version: String)
    case partialObject(version: String)
    case partialObjectList(version: String)
  }
  var media = MediaType.json
  var form = Form.whole
  /// Asked for by the `pretty` parameter of the media type (the query and the user agent are looked at elsewhere).
  var pretty = false

  /// Is it long work to answer with an object? Its own bytes are at hand, unless it has to be converted.
  func isLong(_ object: CachedObject, isConverted: Bool) -> Bool {
    object.object.count > WorkThreads.inlineBytesMax
      && (isConverted || !(form == .whole && media == .json && !pretty))
  }
}

/// Content negotiation in the two stages of kube-apiserver: its router compares names, its handlers understand
/// parameters.
enum Negotiation {
  /// Would go-restful's route accept this header? It compares whole names, without parameters and without order.
  /// `*/*` matches, `application/*` does not.
  static func routeProduces(_ types: [String], accept: String?) -> Bool {
    guard let accept, !accept.isEmpty else { return true }
    return AcceptClause.considered(accept).split(separator: ",", omittingEmptySubsequences: false).contains { part in
      let name = Self.name(of: part)
      return name == "*/*" || types.contains(name)
    }
  }

  /// A media type without its parameters.
  static func name(of text: Substring) -> String {
    let end = text.utf8.firstIndex(of: UInt8(ascii: ";")) ?? text.endIndex
    return AcceptClause.trimmed(text[..<end])
  }

  /// What an endpoint lets a client turn its answer into.
  enum Transforms {
    /// Nothing: Status objects, and endpoints without objects.
    case none
    case ofObjects
    /// Objects that a client has defined: there are no messages of them.
    case ofCustomObjects
    /// All of discovery in one document, and nothing but that.
    case ofDiscovery
  }

  /// The first clause that can be served; nil when nothing fits. (`NegotiateMediaTypeOptions`.)
  static func negotiate(accept: String?, _ transforms: Transforms) -> Negotiated? {
    guard let accept, !accept.isEmpty else { return Negotiated() }
    for clause in AcceptClause.parse(accept) {
      for media in MediaType.allCases {
        let matches =
          clause.type == "application" && (clause.subtype == media.subtype || clause.subtype == "*")
          || clause.type == "*" && clause.subtype == "*"
        if matches, let options = options(of: clause, media: media, transforms) { return options }
      }
    }
    return nil
  }

  /// (`acceptMediaTypeOptions`.)
  private static func options(of clause: AcceptClause, media: MediaType, _ transforms: Transforms) -> Negotiated? {
    var result = Negotiated(media: media)
    var (kind, group, version, converts) = ("", "", "", false)
    for (name, value) in clause.parameters {
      switch name {
      case "as": (kind, converts) = (value, true)
      case "g": (group, converts) = (value, true)
      case "v": (version, converts) = (value, true)
      case "stream": if !value.isEmpty, media == .yaml || value != "watch" { return nil }
      // Only the meta version of the endpoint's scope, which is "v1" for every built-in resource.
      case "sv":
        let isOfObjects = transforms == .ofObjects || transforms == .ofCustomObjects
        if !value.isEmpty, !(isOfObjects && value == "v1") { return nil }
      case "pretty": result.pretty = value == "1"
      default: break
      }
    }
    switch transforms {
    case .none: return converts ? nil : result
    case .ofDiscovery:
      return kind == "APIGroupDiscoveryList" && group == "apidiscovery.k8s.io" && version == "v2" ? result : nil
    case .ofCustomObjects where !converts && media == .protobuf: return nil
    case .ofObjects, .ofCustomObjects: break
    }
    guard converts else { return result }
    guard group == "meta.k8s.io", version == "v1" || version == "v1beta1" else { return nil }
    switch kind {
    // Rows are JSON inside: there is no message for them.
    case "Table" where media != .protobuf: result.form = .table(version: version)
    case "PartialObjectMetadata": result.form = .partialObject(version: version)
    case "PartialObjectMetadataList": result.form = .partialObjectList(version: version)
    default: return nil
    }
    return result
  }

  /// The parameters of aggregated discovery, as clients ask for it and as answers name it.
  static let aggregatedDiscovery = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

  /// How a client wants all of discovery in one document; nil when it wants the plain one, or neither. Clauses that do
  /// not ask for it are passed over, wherever they stand. (semantics 1.21; `aggregated.DiscoveryEndpointRestrictions`.)
  static func aggregatedDiscovery(accept: String?) -> Negotiated? {
    guard let accept, accept.contains("apidiscovery.k8s.io") else { return nil }
    return negotiate(accept: accept, .ofDiscovery)
  }

  /// The media type of a body. An absent header means JSON; nil when it is none of ours. (`NegotiateInputSerializer`.)
  static func input(contentType: String?) -> MediaType? {
    guard let contentType, !contentType.isEmpty else { return .json }
    // Go's parser refuses the whole header for a parameter without a value; only the last may be empty.
    let parameters = contentType.split(separator: ";", omittingEmptySubsequences: false).dropFirst()
    for (place, parameter) in parameters.enumerated() where !parameter.contains("=") {
      guard place == parameters.count - 1, AcceptClause.trimmed(parameter).isEmpty else { return nil }
    }
    return MediaType(rawValue: name(of: contentType[...]).lowercased())
  }

  /// Does the query or the user agent ask for indentation? (`isPrettyPrint`.)
  static func isPretty(query: Query, userAgent: String?) -> Bool {
    if let asked = query["pretty"], !asked.isEmpty {
      return ["1", "t", "T", "TRUE", "true", "True"].contains(asked)
    }
    guard let userAgent else { return false }
    return userAgent.hasPrefix("curl") || userAgent.hasPrefix("Wget") || userAgent.hasPrefix("Mozilla/5.0")
  }
}
