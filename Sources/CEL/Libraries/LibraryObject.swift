import Machinery

/// A value of a type that is the libraries' own.
enum LibraryObject: Sendable {
  case url(GoURL)
  case address(IPAddress)
  case network(IPNetwork)
  case quantity(Quantity)
  case version(SemanticVersion)
  case format(NamedFormat)

  var typeName: String {
    switch self {
    case .url: "kubernetes.URL"
    case .address: "net.IP"
    case .network: "net.CIDR"
    case .quantity: "kubernetes.Quantity"
    case .version: "kubernetes.Semver"
    case .format: "kubernetes.NamedFormat"
    }
  }

  /// nil where the other is of another type: there is no such overload.
  func isEqual(to other: LibraryObject) -> Bool? {
    switch (self, other) {
    case (.url(let a), .url(let b)): a.text == b.text
    case (.address(let a), .address(let b)): a == b && a.width == b.width
    case (.network(let a), .network(let b)): a.isSame(as: b)
    case (.quantity(let a), .quantity(let b)): a == b
    case (.version(let a), .version(let b)): a == b
    case (.format(let a), .format(let b)): a.name == b.name
    default: nil
    }
  }

  /// Bytes of an address, or of the prefix of a network; nil for what has no size.
  var size: UInt64? {
    switch self {
    case .address(let address): UInt64(address.width)
    case .network(let network): UInt64((network.length + 7) / 8)
    default: nil
    }
  }
}
