/// Writes a scrape in Prometheus' text format, version 0.0.4.
///
/// Samples of one family stand together under its head, so a source calls `family` and then everything of it. A family
/// that several sources write (one a resource) is written by each with `family`; its head stands once, before the
/// first.
public struct MetricsText {
  public enum Kind: String, Sendable { case counter, gauge, histogram }
  public typealias Labels = [(name: String, value: String)]

  /// Families in the order of their first appearance, so that the samples of several sources come together.
  private var order: [String] = []
  private var heads: [String: String] = [:]
  private var samples: [String: String] = [:]
  private var current = ""

  public init() {}

  /// The media type of `text`.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  public var text: String {
    var out = ""
    for name in order { out += (heads[name] ?? "") + (samples[name] ?? "") }
    return out
  }

  /// What follows belongs to `name`. A family is written the same way by everyone who writes it.
  public mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    current = name
    guard heads[name] == nil else { return }
    order.append(name)
    heads[name] = "# HELP \(name) \(help.replacingNewlines)\n# TYPE \(name) \(kind.rawValue)\n"
    samples[name] = ""
  }

  public mutating func sample(_ labels: Labels = [], _ value: Int) { line(current, labels, String(value)) }
  public mutating func sample(_ labels: Labels = [], _ value: Double) { line(current, labels, Self.number(value)) }

  public mutating func sample(_ labels: Labels = [], _ histogram: Histogram) {
    var sum = 0
    for (bound, count) in zip(histogram.bounds, histogram.counts) {
      sum += count
      line("\(current)_bucket", labels + [("le", Self.number(bound))], String(sum))
    }
    line("\(current)_bucket", labels + [("le", "+Inf")], String(histogram.count))
    line("\(current)_sum", labels, Self.number(histogram.sum))
    line("\(current)_count", labels, String(histogram.count))
  }

  private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
    var out = name
    if !labels.isEmpty {
      out += "{"
      for (place, label) in labels.enumerated() {
        if place > 0 { out += "," }
        out += "\(label.name)=\"\(Self.escaped(label.value))\""
      }
      out += "}"
    }
    samples[current, default: ""] += "\(out) \(value)\n"
  }

  /// A whole number without a point, everything else as Swift writes it: both are what Go's parser reads.
  private static func number(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value), abs(value) < 1e15 { return String(whole) }
    return "\(value)"
  }

  private static func escaped(_ value: String) -> String {
    guard
      value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") })
    else { return value }
    var out = ""
    for character in value.unicodeScalars {
      switch character {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      default: out.unicodeScalars.append(character)
      }
    }
    return out
  }
}

/// Writes what it knows into a scrape. Runs on any thread, off the hot path.
public typealias MetricsSource = @Sendable (inout MetricsText) -> Void

extension String {
  fileprivate var replacingNewlines: String {
    split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
  }
}
