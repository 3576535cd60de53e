import Glibc
import LoadClient

/// The servers that are compared; each listens on a port of its own and is pinned to core 0, the load to core 1 (by
/// Benchmarks/run).
enum Servers {
  /// What the next servers are pinned to.
  nonisolated(unsafe) static var cores = "0"  // changed by the one thread that runs the benchmarks
  static let loadCore = 1
  static let folder = "/tmp/binnacle-benchmark-\(getpid())"

  static func prepare() throws {
    mkdir(folder, 0o700)
  }

  /// The next servers share the core of the load.
  static func useLoadCore() { cores = String(loadCore) }
  /// The next servers have the core that is theirs.
  static func useServerCore() { cores = "0" }

  /// Writes need both cores on both sides: an etcd and the daemon over it are two processes.
  static func useAllCores() throws {
    cores = "0,1"
    _ = try output(of: ["taskset", "-acp", "0,1", String(getpid())])
  }

  static func cleanUp() { _ = try? output(of: ["rm", "-rf", folder]) }

  private static func program() throws -> String {
    guard let path = getenv("BINNACLE") else {
      throw Failure("BINNACLE must name the daemon: start this through Benchmarks/run")
    }
    return String(cString: path)
  }

  /// What the daemon takes of a disk once it is stripped, in millions of bytes.
  static func strippedMegabytes() throws -> Double {
    let stripped = "\(folder)/stripped"
    _ = try output(of: ["strip", "-o", stripped, try program()])
    var facts = stat()
    guard stat(stripped, &facts) == 0 else { throw Failure("strip made no \(stripped)") }
    return Double(facts.st_size) / 1e6
  }

  static func binnacle(
    port: Int, _ arguments: [String], database: String = "db", program other: String? = nil
  ) throws -> (Child, readySeconds: Double) {
    let path = try other ?? program()
    let storage = arguments.contains("--etcd-servers") ? [] : ["--data-dir", "\(folder)/\(database)"]
    let start = monotonicSeconds()
    let child = try Child(
      "binnacle-\(port)", cores: cores,
      [path, "serve", "--insecure-port", String(port), "--reactors", cores.contains(",") ? "2" : "1"] + storage
        + arguments)
    try waitUntil(port: port, answers: "/readyz")
    return (child, monotonicSeconds() - start)
  }

  static func etcd(port: Int) throws -> Child {
    let url = "http://127.0.0.1:\(port)"
    let peer = "http://127.0.0.1:\(port + 1)"
    let child = try Child(
      "etcd-\(port)", cores: cores,
      [
        "etcd", "--name", "bench", "--data-dir", "\(folder)/etcd-\(port)", "--listen-client-urls", url,
        "--advertise-client-urls", url,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "bench=\(peer)",
        "--log-level", "error",
      ])
    try waitUntil(port: port, answers: "/health")
    return child
  }

  /// Files for nginx to serve.
  static func nginxFiles(_ files: [String: [UInt8]]) throws {
    mkdir("\(folder)/www", 0o755)
    for (name, bytes) in files { try writeFile("\(folder)/www/\(name)", String(decoding: bytes, as: UTF8.self)) }
  }

  /// nginx with one worker, serving files from its cache of open descriptors.
  static func nginx(port: Int, files: [String: [UInt8]]) throws -> Child {
    try nginxFiles(files)
    let workers = getuid() == 0 ? "user root;" : ""
    try writeFile(
      "\(folder)/nginx.conf",
      """
      daemon off; master_process off; worker_processes 1; pid \(folder)/nginx.pid; error_log \(folder)/nginx.log; \(workers)
      events { worker_connections 4096; }
      http {
        access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 600s;
        open_file_cache max=100 inactive=600s; open_file_cache_valid 600s; default_type application/json;
        client_body_temp_path \(folder)/b; proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
        server { listen 127.0.0.1:\(port); root \(folder)/www; }
      }

      """)
    let child = try Child("nginx-\(port)", cores: cores, ["nginx", "-p", folder, "-c", "\(folder)/nginx.conf"])
    try waitUntil(port: port, answers: "/" + (files.keys.first ?? ""))
    return child
  }

  /// This program again, as `BareSender`.
  static func bareSender(port: Int, watchers: Int, bytes: Int) throws -> Child {
    let child = try Child(
      "bare-sender", cores: cores,
      ["/proc/\(getpid())/exe", "bare-sender", String(port), String(watchers), String(bytes)])
    usleep(200_000)
    return child
  }

  private static func waitUntil(port: Int, answers path: String) throws {
    let deadline = monotonicSeconds() + 20
    while monotonicSeconds() < deadline {
      if let client = try? Client(port: port), let answer = try? client.call("GET", path), answer.status == 200 {
        return
      }
      usleep(1_000)
    }
    throw Failure("nothing answers \(path) on port \(port) after 20 s; see /tmp/binnacle-benchmark-*.log")
  }
}
