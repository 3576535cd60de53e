import ByteBuffers
import JSON
import Machinery

/// Which ports of nodes are taken: a bit each, from the first of the range on. (Kubernetes:
/// pkg/registry/core/service/allocator and portallocator)
public struct NodePortRange: Sendable, Equatable {
  public let first: Int64
  public let count: Int
  private var taken: [Bool]

  /// Why a port can't be had; the texts are upstream's.
  enum Failure: Error, CustomStringConvertible {
    case full, taken, mismatched
    case outside(String)
    var description: String {
      switch self {
      case .full: "range is full"
      case .taken: "provided port is already allocated"
      case .mismatched: "the provided range does not match the current range"
      case .outside(let ports): "provided port is not in the valid range. The range of valid ports is \(ports)"
      }
    }
  }

  /// Nothing is taken. `ports`: not empty.
  public init(_ ports: ClosedRange<UInt16>) {
    first = Int64(ports.lowerBound)
    count = ports.count
    taken = [Bool](repeating: false, count: ports.count)
  }

  /// `30000-32767`, `30000+2767` or one port. (`ParsePortRange`)
  public static func ports(_ text: String) -> ClosedRange<UInt16>? {
    let text = text.split { $0 == " " }.joined()
    if let dash = text.firstIndex(of: "-") {
      guard let low = UInt16(text[..<dash]), let high = UInt16(text[text.index(after: dash)...]), low <= high
      else { return nil }
      return low...high
    }
    if let plus = text.firstIndex(of: "+") {
      guard let low = UInt16(text[..<plus]), let more = UInt16(text[text.index(after: plus)...]) else { return nil }
      let (high, isTooHigh) = low.addingReportingOverflow(more)
      return isTooHigh ? nil : low...high
    }
    return UInt16(text).map { $0...$0 }
  }

  /// As kube-apiserver writes it.
  public var text: String { count == 1 ? "\(first)-\(first)" : "\(first)-\(first + Int64(count) - 1)" }

  // MARK: taking

  private func place(_ port: Int64) -> Int? {
    guard port >= first, port < first + Int64(count) else { return nil }
    return Int(port - first)
  }

  func has(_ port: Int64) -> Bool { place(port).map { taken[$0] } ?? false }
  /// All that are taken.
  var ports: [Int64] { taken.indices.filter { taken[$0] }.map { first + Int64($0) } }

  mutating func take(_ port: Int64) throws(Failure) {
    guard let place = place(port) else { throw .outside(text) }
    if taken[place] { throw .taken }
    taken[place] = true
  }

  /// Any port, from a random place on; those at the beginning are left to those who name theirs, as long as there are
  /// others.
  mutating func takeAny() throws(Failure) -> Int64 {
    let reserved = count <= 16 ? 0 : min(max(16, count / 32), 128)
    for part in [reserved..<count, 0..<reserved] where !part.isEmpty {
      let begin = Int.random(in: part)
      if let place = (begin..<part.upperBound).first(where: { !taken[$0] })
        ?? (part.lowerBound..<begin).first(where: { !taken[$0] })
      {
        taken[place] = true
        return first + Int64(place)
      }
    }
    throw .full
  }

  mutating func giveBack(_ port: Int64) {
    if let place = place(port) { taken[place] = false }
  }

  // MARK: as it is stored

  /// The bits as one large number, its largest byte first. (`big.Int.Bytes`)
  public var data: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
    for place in taken.indices where taken[place] { bytes[bytes.count - 1 - place / 8] |= 1 << UInt8(place % 8) }
    return Array(bytes.drop { $0 == 0 })
  }

  /// What was stored. nil where the range is none.
  public init?(text: String, data: some Collection<UInt8>) {
    guard let ports = Self.ports(text) else { return nil }
    self.init(ports)
    for (place, byte) in data.reversed().enumerated() {
      for bit in 0..<8 where byte & (1 << UInt8(bit)) != 0 {
        let place = place * 8 + bit
        if place < count { taken[place] = true }
      }
    }
  }
}
