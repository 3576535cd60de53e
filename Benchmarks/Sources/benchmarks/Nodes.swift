/// Nodes of about 6 KB, as a kubelet with some images reports them.
enum Nodes {
  static func json(_ name: String, counter: Int = 0) -> [UInt8] {
    let images = (0..<26).map { i in
      #"{"names":["registry.example.com/team-\#(i)/service-\#(i)@sha256:\#(String(repeating: "0123456789abcdef", count: 4))","registry.example.com/team-\#(i)/service-\#(i):1.\#(i).0"],"sizeBytes":\#(50_000_000 + i)}"#
    }
    let conditions = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"].map { type in
      #"{"type":"\#(type)","status":"\#(type == "Ready" ? "True" : "False")","lastHeartbeatTime":"2026-01-02T03:04:05Z","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Kubelet\#(type)","message":"kubelet reports \#(type)"}"#
    }
    let text =
      #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"\#(name)","labels":{"beta.kubernetes.io/arch":"amd64","beta.kubernetes.io/os":"linux","kubernetes.io/arch":"amd64","kubernetes.io/hostname":"\#(name)","kubernetes.io/os":"linux","topology.kubernetes.io/region":"eu-1","topology.kubernetes.io/zone":"eu-1a"},"annotations":{"counter":"\#(counter)","node.alpha.kubernetes.io/ttl":"0"}},"spec":{"podCIDR":"10.244.0.0/24","podCIDRs":["10.244.0.0/24"],"providerID":"example://\#(name)"},"status":{"capacity":{"cpu":"8","ephemeral-storage":"102350Mi","hugepages-1Gi":"0","hugepages-2Mi":"0","memory":"32779200Ki","pods":"110"},"allocatable":{"cpu":"7900m","ephemeral-storage":"94324Mi","hugepages-1Gi":"0","hugepages-2Mi":"0","memory":"30Gi","pods":"110"},"conditions":[\#(conditions.joined(separator: ","))],"addresses":[{"type":"InternalIP","address":"10.1.2.3"},{"type":"Hostname","address":"\#(name)"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":10250}},"nodeInfo":{"machineID":"0123456789abcdef0123456789abcdef","systemUUID":"01234567-89ab-cdef-0123-456789abcdef","bootID":"01234567-89ab-cdef-0123-456789abcdef","kernelVersion":"6.1.0-18-amd64","osImage":"Debian GNU/Linux 12 (bookworm)","containerRuntimeVersion":"containerd://1.7.13","kubeletVersion":"v1.36.2","kubeProxyVersion":"","operatingSystem":"linux","architecture":"amd64"},"images":[\#(images.joined(separator: ","))]}}"#
    return Array(text.utf8)
  }

  /// What a kubelet sends when nothing but the time has changed.
  static func heartbeat(_ counter: Int) -> [UInt8] {
    func digits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let time =
      "2026-02-\(digits(1 + counter / 86_400 % 28))T\(digits(counter / 3_600 % 24)):\(digits(counter / 60 % 60))"
      + ":\(digits(counter % 60))Z"
    let types = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    let order = types.map { #"{"type":"\#($0)"}"# }.joined(separator: ",")
    let conditions = types.map { #"{"lastHeartbeatTime":"\#(time)","type":"\#($0)"}"# }.joined(separator: ",")
    return Array(
      #"{"status":{"$setElementOrder/conditions":[\#(order)],"conditions":[\#(conditions)]}}"#.utf8)
  }

  /// A node's bytes around its counter, so that a client spends its time on requests and not on making bodies.
  struct Template: Sendable {
    private let head: [UInt8]
    private let tail: [UInt8]
    init(_ name: String) { self.init(of: Nodes.json(name)) }

    /// The counter of any object that has one.
    init(of all: [UInt8]) {
      let place = Array(#""counter":""#.utf8)
      let start = (0..<(all.count - place.count)).first { all[$0..<($0 + place.count)].elementsEqual(place) } ?? 0
      head = Array(all[..<(start + place.count)])
      tail = Array(all[(start + place.count + 1)...])
    }

    /// A node as Binnacle stores it: with what it adds, and without the revision that stands in answers only.
    static func stored(_ answer: [UInt8]) -> [UInt8] {
      let mark = Array(#""resourceVersion":""#.utf8)
      guard
        let start = (0..<max(0, answer.count - mark.count)).first(where: {
          answer[$0..<($0 + mark.count)].elementsEqual(mark)
        }),
        let end = answer[(start + mark.count)...].firstIndex(of: UInt8(ascii: ","))
      else { return answer }
      return Array(answer[..<start] + answer[(end + 1)...])
    }
    func bytes(_ counter: Int) -> [UInt8] { head + Array(String(counter).utf8) + tail }
  }

  static func name(_ index: Int) -> String {
    let digits = String(index)
    return "node-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
