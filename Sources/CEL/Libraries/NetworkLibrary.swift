import Machinery

/// URLs, addresses and networks. (apiserver `library/urls.go`, `library/ip.go`, `library/cidr.go`)
extension LibraryFunction {
  static var urls: [LibraryFunction] {
    [
      LibraryFunction("url", "string_to_url", "(string) -> kubernetes.URL") { a throws(LibraryFault) in
        .object(.url(try url(try a.text(0))))
      },
      LibraryFunction("isURL", "is_url_string", "(string) -> bool") { a throws(LibraryFault) in
        let text = try a.text(0)
        return .bool((try? GoURL(requesting: text)) != nil)
      },
      accessor("getScheme", "url_get_scheme", "string") { .string($0.scheme) },
      accessor("getHost", "url_get_host", "string") { .string($0.host) },
      accessor("getHostname", "url_get_hostname", "string") { .string($0.hostname) },
      accessor("getPort", "url_get_port", "string") { .string($0.port) },
      accessor("getEscapedPath", "url_get_escaped_path", "string") { .string($0.escapedPath) },
      accessor("getQuery", "url_get_query", "map(string, list(string))") {
        .texts(by: $0.parameters.map { ($0.name, .texts($0.values)) })
      },
    ]
  }

  private static func accessor(
    _ name: String, _ overload: String, _ result: String, _ part: @escaping @Sendable (GoURL) -> Value
  ) -> LibraryFunction {
    LibraryFunction(name, overload, "kubernetes.URL.() -> \(result)") { a throws(LibraryFault) in
      guard case .url(let url) = try a.object(0) else { throw .noSuchOverload }
      return part(url)
    }
  }

  private static func url(_ text: String) throws(LibraryFault) -> GoURL {
    do throws(GoURL.Failure) {
      // The first takes a fragment for a part of the path; but it is what says which URLs are any.
      _ = try GoURL(requesting: text)
      return try GoURL(parsing: text)
    } catch {
      throw .text("URL parse error during conversion from string: \(error)")
    }
  }

  // MARK: addresses

  static var addresses: [LibraryFunction] {
    [
      LibraryFunction("ip", "string_to_ip", "(string) -> net.IP") { a throws(LibraryFault) in
        .object(.address(try address(try a.text(0))))
      },
      LibraryFunction("isIP", "is_ip", "(string) -> bool") { a throws(LibraryFault) in
        let text = try a.text(0)
        return .bool((try? address(text)) != nil)
      },
      LibraryFunction("ip.isCanonical", "ip_is_canonical", "(string) -> bool") { a throws(LibraryFault) in
        let text = try a.text(0)
        return .bool(try address(text).description == text)
      },
      LibraryFunction("string", "ip_to_string", "(net.IP) -> string") { a throws(LibraryFault) in
        .string(try a.address(0).description)
      },
      LibraryFunction("family", "ip_family", "net.IP.() -> int") { a throws(LibraryFault) in
        .int(try a.address(0).width == 4 ? 4 : 6)
      },
    ]
      + [
        question("isUnspecified", "ip_is_unspecified") { $0.isUnspecified },
        question("isLoopback", "ip_is_loopback") { $0.isLoopback },
        question("isLinkLocalMulticast", "ip_is_link_local_multicast") { $0.isLinkLocalMulticast },
        question("isLinkLocalUnicast", "ip_is_link_local_unicast") { $0.isLinkLocalUnicast },
        question("isGlobalUnicast", "ip_is_global_unicast") { $0.isGlobalUnicast },
      ]
  }

  private static func question(
    _ name: String, _ overload: String, _ answer: @escaping @Sendable (IPAddress) -> Bool
  ) -> LibraryFunction {
    LibraryFunction(name, overload, "net.IP.() -> bool") { a throws(LibraryFault) in
      .bool(answer(try a.address(0)))
    }
  }

  /// Without a zone, and not IPv4 in IPv6's form. (`parseIPAddr`)
  private static func address(_ text: String) throws(LibraryFault) -> IPAddress {
    let shown = GoText.quoted(text)
    let address: IPAddress
    let zone: String
    do throws(IPAddress.Malformed) { (address, zone) = try IPAddress.strict(text) } catch {
      throw .text("IP Address \(shown) parse error during conversion from string: \(error)")
    }
    if !zone.isEmpty { throw .text("IP address \(shown) with zone value is not allowed") }
    if address.isIPv4InIPv6 { throw .text("IPv4-mapped IPv6 address \(shown) is not allowed") }
    return address
  }

  // MARK: networks

  static var networks: [LibraryFunction] {
    [
      LibraryFunction("cidr", "string_to_cidr", "(string) -> net.CIDR") { a throws(LibraryFault) in
        .object(.network(try network(try a.text(0))))
      },
      LibraryFunction("isCIDR", "is_cidr", "(string) -> bool") { a throws(LibraryFault) in
        let text = try a.text(0)
        return .bool((try? network(text)) != nil)
      },
      LibraryFunction("string", "cidr_to_string", "(net.CIDR) -> string") { a throws(LibraryFault) in
        let network = try a.network(0)
        return .string("\(network.address)/\(network.length)")
      },
      LibraryFunction("containsIP", "cidr_contains_ip_string", "net.CIDR.(string) -> bool") { a throws(LibraryFault) in
        .bool(holds(try a.network(0), try address(try a.text(1))))
      },
      LibraryFunction("containsIP", "cidr_contains_ip_ip", "net.CIDR.(net.IP) -> bool") { a throws(LibraryFault) in
        .bool(holds(try a.network(0), try a.address(1)))
      },
      LibraryFunction("containsCIDR", "cidr_contains_cidr_string", "net.CIDR.(string) -> bool") {
        a throws(LibraryFault) in
        .bool(try a.network(0).contains(try network(try a.text(1))))
      },
      LibraryFunction("containsCIDR", "cidr_contains_cidr", "net.CIDR.(net.CIDR) -> bool") { a throws(LibraryFault) in
        .bool(try a.network(0).contains(try a.network(1)))
      },
      LibraryFunction("ip", "cidr_ip", "net.CIDR.() -> net.IP") { a throws(LibraryFault) in
        .object(.address(try a.network(0).address))
      },
      LibraryFunction("prefixLength", "cidr_prefix_length", "net.CIDR.() -> int") { a throws(LibraryFault) in
        .int(Int64(try a.network(0).length))
      },
      LibraryFunction("masked", "cidr_masked", "net.CIDR.() -> net.CIDR") { a throws(LibraryFault) in
        .object(.network(try a.network(0).masked))
      },
    ]
  }

  private static func holds(_ network: IPNetwork, _ address: IPAddress) -> Bool {
    network.address.width == address.width && network.contains(address)
  }

  /// (`parseCIDR`, and what `stringToCIDR` puts before its faults)
  private static func network(_ text: String) throws(LibraryFault) -> IPNetwork {
    let lead = "network address parse error during conversion from string: "
    do throws(IPAddress.Malformed) {
      let network = try IPNetwork.strict(text)
      if !network.address.isIPv4InIPv6 { return network }
    } catch {
      throw .text("\(lead)\(lead)\(error)")
    }
    throw .text("\(lead)IPv4-mapped IPv6 address \(GoText.quoted(text)) is not allowed")
  }
}
