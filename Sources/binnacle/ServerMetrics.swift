import ByteBuffers
import Cacher
import Capacity
import HTTPServer
import Metrics
import Synchronization

/// What the HTTP server counts, for `/metrics`. The server is made after those who serve its requests, so it is told
/// later.
final class ServerMetrics: Sendable {
  private let server = Mutex<HTTPServer?>(nil)
  private let budget: MemoryBudget
  private let encodings: EncodingCache

  init(_ budget: MemoryBudget, _ encodings: EncodingCache) {
    self.budget = budget
    self.encodings = encodings
  }

  func follow(_ server: HTTPServer) { self.server.withLock { $0 = server } }

  func write(_ text: inout MetricsText) {
    let counts = server.withLock { $0 }?.statistics ?? HTTPServer.Statistics()
    let families: [(name: String, kind: MetricsText.Kind, help: String, value: Int)] = [
      ("binnacle_http_connections", .gauge, "Connections that are open.", counts.openConnections),
      (
        "binnacle_http_connections_accepted_total", .counter, "Connections that were accepted.",
        counts.acceptedConnections
      ),
      (
        "binnacle_http_connections_refused_total", .counter,
        "Connections closed as they came, because their address had as many as --max-connections-per-client allows.",
        counts.refusedConnections
      ),
      (
        "binnacle_http_timeouts_total", .counter,
        "Connections and streams ended because their client sent too slowly, or took too little.",
        counts.timedOutConnections
      ),
      (
        "binnacle_http_requests_refused_total", .counter,
        "Requests refused before they were served: malformed, too large, or more than there was room for.",
        counts.refusedRequests
      ),
      (
        "apiserver_tls_handshake_errors_total", .counter,
        "Number of requests dropped with 'TLS handshake error from' error.", counts.failedHandshakes
      ),
      (
        "binnacle_memory_budget_bytes", .gauge,
        "What --memory-budget-mb allows clients to make the server hold; 0 for no limit.", budget.limit
      ),
      (
        "binnacle_memory_budget_used_bytes", .gauge,
        "What clients make the server hold: requests that are coming or worked on, and answers that nobody shares.",
        budget.used
      ),
      (
        "binnacle_memory_budget_refused_total", .counter, "Requests answered 429 because the budget was used up.",
        budget.refused
      ),
      (
        "binnacle_memory_budget_ended_readers_total", .counter, "Slow readers ended because the budget was used up.",
        budget.endedReaders
      ),
      (
        "binnacle_log_lines_lost_total", .counter,
        "Log lines dropped because nobody read standard error in time, or not written because its reader had gone.",
        StandardError.lost
      ),
      (
        "binnacle_encoding_cache_limit_bytes", .gauge,
        "What may be kept of forms of objects beside the objects: --encoding-cache-mb, or a quarter of the objects' bytes.",
        encodings.limit
      ),
      (
        "binnacle_encoding_cache_bytes", .gauge, "Bytes of forms of objects that are kept beside the objects.",
        encodings.bytes
      ),
      (
        "binnacle_encoding_cache_evictions_total", .counter,
        "Forms of objects that were let go of to make room for others.", encodings.evictions
      ),
      (
        "binnacle_encoding_cache_unkept_total", .counter,
        "Forms of objects that were not kept because there was no room.", encodings.unkept
      ),
    ]
    for family in families {
      text.family(family.name, family.kind, family.help)
      text.sample([], family.value)
    }
  }
}
