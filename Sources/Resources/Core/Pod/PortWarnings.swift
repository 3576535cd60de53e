import ByteBuffers
import JSON
import Machinery

/// What is to be said of the ports of a pod's containers together.
enum PortWarnings {
  static func all(_ containers: [(container: JSONValue, path: String)]) -> [String] {
    var warnings: [String] = []
    var byNumber: [ByteString: [(path: String, port: JSONValue)]] = [:]
    for (container, path) in containers {
      for (place, port) in container.array(at: "ports").enumerated() {
        let path = "\(path).ports[\(place)]"
        let (address, hostPort) = (port.string(at: "hostIP"), port.int(at: "hostPort"))
        if !address.isEmpty && hostPort == 0 {
          warnings.append("\(path): hostIP set without hostPort: \(shown(port))")
        }
        let key = ByteString("\(port.int(at: "containerPort"))/\(port.string(at: "protocol"))")
        // As many as fit into an answer; each is told of all before it.
        for other in (byNumber[key] ?? []).prefix(100) {
          let (otherAddress, otherPort) = (other.port.string(at: "hostIP"), other.port.int(at: "hostPort"))
          if address == otherAddress && hostPort == otherPort {
            warnings.append("\(path): duplicate port definition with \(other.path)")
          } else if hostPort == 0 || otherPort == 0 {
            warnings.append("\(path): overlapping port definition with \(other.path)")
          } else if hostPort == otherPort && address.isEmpty != otherAddress.isEmpty {
            warnings.append("\(path): dangerously ambiguous port definition with \(other.path)")
          }
        }
        byNumber[key, default: []].append((path, port))
      }
    }
    return warnings + names(containers)
  }

  private static func names(_ containers: [(container: JSONValue, path: String)]) -> [String] {
    var warnings: [String] = []
    var seen: [ByteString: String] = [:]
    for (container, path) in containers {
      for (place, port) in container.array(at: "ports").enumerated() {
        let name = port.string(at: "name")
        if name.isEmpty { continue }
        let path = "\(path).ports[\(place)]"
        if let other = seen[ByteString(name)] {
          warnings.append(
            "\(path): duplicate port name \(GoText.quoted(name)) with \(other), services and probes that select ports "
              + "by name will use \(other)")
        } else {
          seen[ByteString(name)] = path
        }
      }
    }
    return warnings
  }

  /// As Go prints the struct.
  private static func shown(_ port: JSONValue) -> String {
    "{Name:\(port.string(at: "name")) HostPort:\(port.int(at: "hostPort")) "
      + "ContainerPort:\(port.int(at: "containerPort")) "
      + "Protocol:\(port.string(at: "protocol")) HostIP:\(port.string(at: "hostIP"))}"
  }
}
