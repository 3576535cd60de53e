/// What addresses are for, and how they stand in networks.
extension IPAddress {
  /// `0.0.0.0`, `::`
  public var isUnspecified: Bool { isIPv4 ? bytes[12...].allSatisfy { $0 == 0 } : bytes.allSatisfy { $0 == 0 } }
  /// `127.0.0.0/8`, `::1`
  public var isLoopback: Bool {
    isIPv4 ? bytes[12] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
  }
  /// `169.254.0.0/16`, `fe80::/10`
  public var isLinkLocalUnicast: Bool {
    isIPv4 ? bytes[12] == 169 && bytes[13] == 254 : bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
  }
  /// `224.0.0.0/24`, `ff02::/16`
  public var isLinkLocalMulticast: Bool {
    isIPv4 ? bytes[12...14].elementsEqual([224, 0, 0]) : bytes[0] == 0xFF && bytes[1] & 0x0F == 0x02
  }

  /// The address that stands `count` behind this one; nil beyond the last.
  public func advanced(by count: UInt64) -> IPAddress? {
    var sum = bytes
    var carry = count
    for place in sum.indices.reversed() where carry > 0 {
      let (low, rest) = (UInt64(sum[place]) + (carry & 0xFF), carry >> 8)
      sum[place] = UInt8(truncatingIfNeeded: low)
      carry = rest + (low >> 8)
    }
    let end = IPAddress(bytes: sum, like: self)
    return carry == 0 && end.isIPv4 == isIPv4 ? end : nil
  }

  /// The address before this one; itself at the very first.
  public var predecessor: IPAddress {
    var bytes = bytes
    for place in bytes.indices.reversed() {
      let (value, hasBorrowed) = bytes[place].subtractingReportingOverflow(1)
      bytes[place] = value
      if !hasBorrowed { return IPAddress(bytes: bytes, like: self) }
    }
    return self
  }

  public static func < (a: IPAddress, b: IPAddress) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension IPNetwork {
  /// The bits of the mask, of an address as it is written.
  public var length: Int { bits }

  /// Is an address of the network's family one of its?
  public func contains(_ address: IPAddress) -> Bool {
    let (from, to) = (first, last)
    return from.isIPv4 == address.isIPv4 && !(address < from) && !(to < address)
  }

  /// The last address of the network: the broadcast address of one of IPv4.
  public var last: IPAddress {
    let kept = bits + (128 - addressBits)
    let filled = first.bytes.enumerated().map { place, byte in
      byte | UInt8(truncatingIfNeeded: 0xFF >> min(max(kept - place * 8, 0), 8))
    }
    return IPAddress(bytes: filled, like: address)
  }

  /// How many bits tell the network's addresses apart.
  public var hostBits: Int { addressBits - bits }
}
