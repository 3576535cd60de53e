import Glibc
import Machinery

/// What a flag's value must be. Values are read, and refused, as kube-apiserver's flags do (pflag, component-base
/// `cli/flag`).
enum FlagType: Sendable, Equatable {
  case bool, int, int32s, float, duration, string, strings, ip, cidrs, portRange, keyValue, keyValues, keyNumbers,
    certificateAndKey, level, quantity
  /// Values that are taken as they are, one a flag.
  case stringArray
  case featureGates
  case oneOf([String])

  /// nil for a name that the table of flags should not hold.
  init?(_ name: String) {
    let types: [String: FlagType] = [
      "bool": .bool, "int": .int, "int32s": .int32s, "float": .float, "duration": .duration, "string": .string,
      "strings": .strings, "ip": .ip,
      "cidrs": .cidrs, "portRange": .portRange, "keyValue": .keyValue, "keyValues": .keyValues,
      "keyNumbers": .keyNumbers,
      "certificateAndKey": .certificateAndKey, "level": .level, "quantity": .quantity, "stringArray": .stringArray,
      "featureGates": .featureGates,
    ]
    if let type = types[name] {
      self = type
    } else if name.contains("|") {
      self = .oneOf(name.split(separator: "|").map(String.init))
    } else {
      return nil
    }
  }

  /// May it be given again, to add to what was said?
  var isList: Bool {
    switch self {
    case .strings, .stringArray, .certificateAndKey, .keyValue, .keyValues, .keyNumbers, .int32s: true
    default: false
    }
  }

  /// Why a value is refused, in the words that follow the flag's name.
  struct Refusal: Error { let why: String }

  /// The value as our options read it; several, or none, of a list.
  func values(_ text: String) throws(Refusal) -> [String] {
    switch self {
    case .bool: return [String(try GoNumbers.bool(text))]
    case .int: return [String(try GoNumbers.int(text, bits: 64))]
    case .level: return [String(try GoNumbers.decimal(text, bits: 31))]
    case .int32s:
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        _ = try GoNumbers.int(String(part), bits: 32)
      }
    case .float: return [String(try GoNumbers.float(text))]
    case .duration:
      do throws(GoDuration.Malformed) { _ = try GoDuration.parse(text) } catch { throw Refusal(why: error.description) }
    case .strings:
      do throws(CommaSeparated.Malformed) { return try CommaSeparated.values(text) } catch {
        throw Refusal(why: error.description)
      }
    case .ip:
      let address = text.trimmingBlanks
      guard text.isEmpty || Self.isAddress(address) else {
        throw Refusal(why: "failed to parse IP: \(GoText.quoted(text))")
      }
    case .cidrs: try Self.checkRanges(text)
    case .portRange: try Self.checkPorts(text)
    case .keyValue:
      if !text.contains("=") { throw Refusal(why: "malformed pair, expect string=string: \(text) is not key=value") }
    case .keyValues:
      if !text.isEmpty && !text.contains("=") { throw Refusal(why: "\(text) must be formatted as key=value") }
    case .keyNumbers:
      for part in text.split(separator: ",") {
        let halves = part.split(separator: "=", omittingEmptySubsequences: false)
        guard halves.count == 2, !halves[0].isEmpty, !halves[1].isEmpty else {
          throw Refusal(why: "\(GoText.quoted(String(part))) does not have the pattern=N format")
        }
        do throws(Refusal) { _ = try GoNumbers.decimal(String(halves[1]), bits: 31) } catch {
          throw Refusal(why: "parsing verbosity in \(GoText.quoted(String(part))): \(error.why)")
        }
      }
    case .quantity:
      do throws(Quantity.ParseError) { _ = try Quantity(parsing: text) } catch { throw Refusal(why: "\(error)") }
    case .oneOf(let known):
      if !known.contains(text) { throw Refusal(why: "it must be one of \(known.joined(separator: ", "))") }
    case .featureGates: try FeatureGates.check(text)
    case .string, .stringArray, .certificateAndKey: break
    }
    return [text]
  }

  /// An address as Go's `net.ParseIP` takes it: without brackets and zone.
  static func isAddress(_ text: some StringProtocol) -> Bool {
    var bytes = in6_addr()
    return inet_pton(AF_INET, String(text), &bytes) == 1 || inet_pton(AF_INET6, String(text), &bytes) == 1
  }

  /// `--service-cluster-ip-range`: one range, or one of each family.
  private static func checkRanges(_ text: String) throws(Refusal) {
    let parts = text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
    if parts.count > 2 { throw Refusal(why: "--service-cluster-ip-range must not contain more than two entries") }
    for (place, part) in parts.enumerated() where !isRange(part) {
      throw Refusal(why: "service-cluster-ip-range[\(place)] is not \(place == 0 ? "a valid cidr" : "an ip net")")
    }
    if parts.count == 2, parts[0].contains(":") == parts[1].contains(":") {
      throw Refusal(
        why: "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family")
    }
  }

  private static func isRange(_ text: Substring) -> Bool {
    let halves = text.split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2, !halves[1].isEmpty, halves[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = Int(halves[1])
    else { return false }
    // Old manifests write leading zeros, and Go's parser of old took them for decimal.
    let octets = halves[0].split(separator: ".", omittingEmptySubsequences: false).map { octet in
      octet.count > 1 ? String(octet.drop { $0 == "0" }) : String(octet)
    }
    let host = halves[0].contains(":") ? String(halves[0]) : octets.map { $0.isEmpty ? "0" : $0 }.joined(separator: ".")
    return isAddress(host) && length <= (host.contains(":") ? 128 : 32)
  }

  /// `low-high`, `low+count` or one port. (apimachinery `net.PortRange`.)
  private static func checkPorts(_ given: String) throws(Refusal) {
    let text = given.trimmingBlanks
    if text.isEmpty { return }
    func number(_ text: some StringProtocol) throws(Refusal) -> Int64 {
      do throws(Refusal) { return try GoNumbers.decimalSigned(String(text)) } catch {
        // `strconv.Atoi` names itself.
        throw Refusal(why: "strconv.Atoi" + error.why.dropFirst("strconv.ParseInt".count))
      }
    }
    let (hyphen, plus) = (text.firstIndex(of: "-"), text.firstIndex(of: "+"))
    let low: Int64
    let high: Int64
    switch (hyphen, plus) {
    case (nil, nil): (low, high) = (try number(text), try number(text))
    case (let mark?, nil): (low, high) = (try number(text[..<mark]), try number(text[text.index(after: mark)...]))
    case (nil, let mark?):
      low = try number(text[..<mark])
      let (sum, overflows) = low.addingReportingOverflow(try number(text[text.index(after: mark)...]))
      high = overflows ? .max : sum
    default: throw Refusal(why: "unable to parse port range: \(text)")
    }
    if low > 65_535 || high > 65_535 { throw Refusal(why: "the port range cannot be greater than 65535: \(text)") }
    if high < low { throw Refusal(why: "end port cannot be less than start port: \(text)") }
  }
}
